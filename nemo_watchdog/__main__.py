"""`python -m nemo_watchdog`."""

from nemo_watchdog.cli import main

main()
