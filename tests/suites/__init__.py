"""Suites that put a real platform through many situations and print a table; each is one command of its own."""
