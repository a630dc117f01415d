"""Durable facts and the outbox, in one local SQLite file: never in a database that is being watched."""

from nemo_watchdog.journal.sqlite import SqliteJournal

__all__ = ["SqliteJournal"]
