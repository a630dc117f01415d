"""What several probes need and none owns: deadlines, addresses, errors of sockets, TLS, options, child processes."""
