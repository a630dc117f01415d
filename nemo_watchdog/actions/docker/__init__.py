"""Actions on containers: each file is one, and each acts through `actions.guard`."""
