"""Where the bench tells how it is getting on: stderr, so that stdout is left to results."""

import sys


def say(text: str) -> None:
    """Prints one line of progress."""
    print(text, file=sys.stderr, flush=True)
