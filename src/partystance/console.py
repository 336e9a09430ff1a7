"""What commands do the same: errors in one line, an interrupt that says how to go on, exit codes, columns."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from partystance.errors import PartystanceError

FAILED, INTERRUPTED = 1, 130
"""Exit codes: something the user can mend; stopped by Ctrl-C (128 + SIGINT). Misused options exit with 2."""


@contextmanager
def readable_errors(after_interrupt: str = "nothing was written") -> Iterator[None]:
    """Turn a `PartystanceError`, a failed read or write, or Ctrl-C into one line on stderr and an exit code.

    Output that nobody reads any more (`| head`) ends the program without a word.

    Args:
        after_interrupt: what the user should know after Ctrl-C.
    """
    try:
        yield
        sys.stdout.flush()  # here, where a full disk can still be told
    except PartystanceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except BrokenPipeError:
        _settle_output()
        sys.exit(FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        _settle_output()
        sys.exit(FAILED)
    except (KeyboardInterrupt, ImportError) as error:
        # An extension that is being loaded when Ctrl-C comes says that it failed, because of the interrupt.
        if not any(isinstance(one, KeyboardInterrupt) for one in (error, error.__cause__)):
            raise
        print(f"\ninterrupted: {after_interrupt}", file=sys.stderr)  # on a line of its own, below any bar
        sys.exit(INTERRUPTED)


def _settle_output() -> None:
    """Write out what is left, or send it nowhere: failing at exit would end in a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):  # no real file behind it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as plain text, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
