"""The names of what the daemon keeps in its state directory; the command line finds them there."""

JOURNAL_NAME = "journal.sqlite3"
TOKEN_NAME = "token"  # noqa: S105 - the name of the file, not what is in it
ANSWER_KEY_NAME = "answer.key"
"""What the links in messages are signed with: without it all that were sent take no answer."""
TOKEN_BYTES = 4096
"""A token that somebody else made may be longer than ours, and what is longer than that is none."""

TOKENS_NAME = "tokens.json"
"""The tokens that the daemon made for others: a hash of each."""

LABELS_NAME = "labels.json"
"""The labels by which containers were last found (`discover: labels`)."""
ARCHIVE_NAME = "archive.sqlite3"
