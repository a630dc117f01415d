"""Evidence, looks and gates for people, in a SQLite file of their own: never in what the journal replays."""
