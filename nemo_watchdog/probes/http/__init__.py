"""The HTTP probe, and the client that every probe speaks HTTP with."""
