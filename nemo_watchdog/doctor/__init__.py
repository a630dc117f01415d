"""What can be wrong around the daemon, checked one by one, with a remedy for each. It changes nothing."""
