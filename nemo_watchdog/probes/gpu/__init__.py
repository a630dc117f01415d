"""The GPU probe. NVML may hang in the driver: a child process speaks to it, and the daemon reads what that one says."""
