"""Answers that were paid for, in one SQLite file: each is on the disk before the next is asked for."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from partystance.errors import InputError

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, content TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, answered TEXT NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, and the tokens that were counted for it (0 where the server does not say)."""

    content: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class AnswerCache:
    """Replies by the key of their question; use `open_cache`. Holds no sentence and no API key."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(_TABLE)

    def get(self, key: str) -> Reply | None:
        """Return the reply to a question, or None if it was never answered."""
        query = "SELECT content, prompt_tokens, completion_tokens FROM answers WHERE key = ?"
        row = self._connection.execute(query, [key]).fetchone()
        return Reply(*row) if row else None

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Keep a reply; when this returns it is on the disk."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        values = (key, model, reply.content, reply.prompt_tokens, reply.completion_tokens, now)
        self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", values)


@contextmanager
def open_cache(path: Path) -> Iterator[AnswerCache]:
    """Open a cache, made where there is none.

    Raises:
        InputError: the file is something else, or cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(path, f"no cache of answers can be made here: {error}") from None
    try:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            yield AnswerCache(connection)
    except sqlite3.Error as error:
        raise InputError(
            path, f"cannot be used as a cache of answers ({error}); give another --cache"
        ) from None
