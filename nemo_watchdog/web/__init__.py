"""The daemon's HTTP side: metrics, liveness, readiness, status; pausing with a token; heartbeats."""
