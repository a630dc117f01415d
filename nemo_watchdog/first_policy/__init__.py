"""A first policy from what runs on a machine: what there is, how each is looked at and why, written for people.

Nothing here asks Docker: it gets what the containers adapter was told. Only `look` and `compose` touch the world: an
HTTP question to a published port, and a file that the operator or a container names.
"""
