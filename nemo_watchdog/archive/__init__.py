"""Evidence, looks and gates for people, in a SQLite file of their own: never in what the journal replays."""

from nemo_watchdog.archive.files import size_of
from nemo_watchdog.archive.sqlite import SqliteArchive

__all__ = ["SqliteArchive", "size_of"]
