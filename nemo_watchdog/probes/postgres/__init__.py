"""The Postgres probe: one query over a session of its own, and what the server's readings say about trouble to come."""
