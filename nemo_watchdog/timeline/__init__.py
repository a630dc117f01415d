"""An incident as it was, from the records of the journal: a record in, a sentence out. Pure; no clock, no file."""
