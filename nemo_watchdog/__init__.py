"""Nemo Watchdog: the first responder of a Docker platform."""

__version__ = "0.1.0"
