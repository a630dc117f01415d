"""The Postgres probe: a session that is kept, one query, and what the server's readings say about trouble to come."""
