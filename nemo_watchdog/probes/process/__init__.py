"""The probe of processes on this host: counted by name, found by a PID file, or asked for as a systemd unit."""
