"""What a remedy can do: one file an action, the registry in `catalog`. Nothing here decides, and nothing verifies."""
