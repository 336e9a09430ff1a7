"""What every command does the same: errors in one line, an interrupt that says how to go on, exit codes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from partystance.errors import PartystanceError

FAILED, INTERRUPTED = 1, 130
"""Exit codes: something the user can mend; stopped by Ctrl-C (128 + SIGINT). Misused options exit with 2."""


@contextmanager
def readable_errors(after_interrupt: str = "nothing was written") -> Iterator[None]:
    """Turn a `PartystanceError` or Ctrl-C inside the block into one line on stderr and an exit code.

    Args:
        after_interrupt: what the user should know after Ctrl-C.
    """
    try:
        yield
    except PartystanceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        print(f"\ninterrupted: {after_interrupt}", file=sys.stderr)  # on a line of its own, below any bar
        sys.exit(INTERRUPTED)
