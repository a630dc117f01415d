"""Actions on services of Compose projects: `up` is one, and `program` runs Compose."""
