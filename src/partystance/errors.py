"""The one kind of error a user can mend: it names the place, the value and the fix, and has no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path


class PartystanceError(Exception):
    """The user's input, config or environment is wrong; the message says what and how to mend it."""


class InputError(PartystanceError):
    """A file holds something unusable: `path:line: message`."""

    def __init__(self, path: Path | str, message: str, line: int | None = None) -> None:
        self.path, self.line, self.reason = str(path), line, message
        super().__init__(f"{path}:{line}: {message}" if line is not None else f"{path}: {message}")


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Say how to install what an import inside the block does not find; `what` needs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise PartystanceError(
            f"{what} needs the package {error.name}: pip install 'partystance[{extra}]'"
        ) from None


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest known word, or the list of them all when none is near."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else f" (known: {', '.join(known)})"
