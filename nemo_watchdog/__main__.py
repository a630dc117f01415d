"""`python -m nemo_watchdog`, and the console script."""

import signal
import sys

if sys.argv[1:2] == ["run"]:
    # Before all that takes time: a SIGHUP by default ends a process, and may come before anybody hears it. It asks for
    # nothing that is not done anyhow: the policy is yet to be read, and what is written meanwhile is seen as a change.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

from nemo_watchdog.cli import main

if __name__ == "__main__":
    main()
