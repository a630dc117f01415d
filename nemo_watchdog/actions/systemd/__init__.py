"""Actions on systemd's units: each file of a verb is one, and each acts through `unit_order`."""
