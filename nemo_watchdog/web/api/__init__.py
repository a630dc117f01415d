"""What can be asked, one file a noun: its paths, its handlers, and nothing that decides."""
