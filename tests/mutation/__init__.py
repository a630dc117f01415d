"""Mutation testing of what decides: `engine/` and `policy/`. `python -m tests.mutation --help`.

Every mutant of a module is compiled into it at once, each behind a switch; the tests are collected once, and each
mutant is tried in a fork of that process with the tests that reach it. The kept library for this, mutmut, leaves out
every decorated function: each record's `apply`, each event's handler, each message, each property.
"""
