"""The Redis probe: one connection that is kept, to the address of the policy or to the master that Sentinels name."""
