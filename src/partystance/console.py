"""What commands do the same: errors in one line, an interrupt that says how to go on, exit codes, columns."""

import sys
from collections.abc import Iterator, Sequence
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


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as plain text, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
