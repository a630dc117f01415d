"""A small real Nemo platform on this machine: real containers, real Postgres and Redis, stand-ins for the rest.

`gateway`, `model_server`, `serving` and `wire` run inside the containers under the host's own Python:
they import the standard library and each other, nothing else.
"""
