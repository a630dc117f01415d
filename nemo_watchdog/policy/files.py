"""Text of the files that people write for us, or the problem with the file itself."""

from __future__ import annotations

from pathlib import Path

from nemo_watchdog.errors import PolicyError, PolicyProblem
from nemo_watchdog.policy.document import MAX_CHARACTERS
from nemo_watchdog.regular_file import NotRegular, TooLarge, read_regular


def read_text(path: Path) -> str:
    """Raises `PolicyError`, also for what is no UTF-8. Reads the disk: it may block."""
    message = ""
    line = column = 1
    try:
        raw = read_regular(path, MAX_CHARACTERS)
    except NotRegular:
        message = "is not a regular file: give the path of a policy file"
    except TooLarge:
        message = "larger than 1 MiB: a policy is a file that people read"
    except FileNotFoundError:
        message = "there is no such file"
    except OSError as error:
        message = f"cannot be read: {error.strerror or type(error).__name__}"
    except ValueError:  # a NUL in the path
        message = "is not a path"
    if not message:
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = raw[: error.start].decode("utf-8-sig")
            line = before.count("\n") + 1
            column = len(before) - before.rfind("\n")
            message = "not UTF-8 text: save the file as UTF-8"
    raise PolicyError([PolicyProblem(str(path), line, column, "", message)])
