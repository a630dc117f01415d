"""The policy language: a file of text becomes a `Policy`, or a list of everything that is wrong with it."""
