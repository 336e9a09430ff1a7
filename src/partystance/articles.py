"""Articles in: .txt, saved .html, .jsonl, .csv, .tsv and .parquet; one at a time, nothing lost in silence.

What cannot be used is either an error that names file, line and remedy (`strict`), or skipped and counted:
records seen are always articles plus skipped. Text is left exactly as it is, since offsets count in it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path

from partystance.article_formats import (
    FIELDS,
    READERS,
    Problem,
    Records,
    SourceFile,
    kind_of,
    read_records,
    read_stdin,
)
from partystance.errors import InputError, PartystanceError, did_you_mean
from partystance.schema import Article

STDIN = "-"
_PROBLEMS_KEPT = 20


class ArticleReader:
    """The articles of some inputs, read as they are asked for, with a count of everything skipped.

    Attributes:
        files: the files found, in the order they are read (standard input is not among them).
        articles: how many were yielded so far.
        repeated_ids: how many of those carry the `doc_id` of an earlier one (a hash of each is kept: about
            100 bytes an article, all that grows with the corpus).
        skipped: how many records were skipped so far, by reason.
        problems: the first of those, with file and line.
    """

    def __init__(self, inputs: Sequence[Path | str], columns: Mapping[str, str], strict: bool) -> None:
        self._strict, self._columns, self._stdin = strict, columns, STDIN in map(str, inputs)
        self.articles, self.repeated_ids, self.skipped = 0, 0, Counter[str]()
        self.problems: list[Problem] = []
        self._names = _names(inputs)
        self.files = list(self._names)

    def __iter__(self) -> Iterator[Article]:
        """Yield every article.

        Raises:
            PartystanceError: with `strict` at the first record that is no article, or has the id of an
                earlier one; at the end when there was no article at all.
        """
        self.articles, self.repeated_ids, self.problems = 0, 0, []
        self.skipped.clear()
        seen: set[int] = set()
        for record in self._records():
            if isinstance(record, Problem):
                self._skip(record)
                continue
            self._count(record, seen)
            yield record
        if not self.articles and (self.files or self._stdin):
            raise self._nothing()

    def _skip(self, problem: Problem) -> None:
        if self._strict:
            raise problem.error()
        self.skipped[problem.reason] += 1
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(problem)

    def _count(self, article: Article, seen: set[int]) -> None:
        key = hash(article.doc_id)
        if key in seen:
            if self._strict:
                raise PartystanceError(
                    f"{article.source}: an earlier article has the id {article.doc_id!r} too"
                )
            self.repeated_ids += 1
        seen.add(key)
        self.articles += 1

    def _nothing(self) -> InputError:
        if self.problems:
            return self.problems[0].error(" (and no article anywhere else)")
        return InputError(self.files[0] if self.files else "stdin", "no article in it, nor anywhere else")

    def _records(self) -> Records:
        for path, name in self._names.items():
            yield from read_records(SourceFile(path, name, self._columns))
        if self._stdin:
            yield from read_stdin(self._columns)

    def summary(self) -> str:
        """Say in a line what was read and what was skipped, and why."""
        said = f"{self.articles} {'article' if self.articles == 1 else 'articles'}"
        if self.repeated_ids:
            said += f", {self.repeated_ids} of them with the id of an earlier one"
        if self.skipped:
            reasons = "; ".join(f"{n} x {reason}" for reason, n in self.skipped.most_common())
            said += f", {self.skipped.total()} skipped ({reasons})"
        return said


def read_articles(
    inputs: Path | str | Sequence[Path | str],
    *,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
) -> ArticleReader:
    """Find the articles of files, folders, globs and `-` (standard input: JSONL or one plain text).

    An article without `doc_id` or `id` goes by its file (path inside the folder, without suffix) and, in a
    table, its line: `wires/monday:17`.

    Args:
        inputs: a folder is searched through and through for files of known kinds. Of a `.txt` the first line
            is the title; of a saved web page the title and body are taken, without menus.
        columns: field -> column of tables, e.g. `{"text": "body"}`; fields are `FIELDS`.
        strict: stop at the first unusable record.

    Raises:
        InputError: an input that does not exist, holds no file of a known kind, or lacks its text column.
        PartystanceError: `columns` names an unknown field.
    """
    for field in columns or {}:
        if field not in FIELDS:
            raise PartystanceError(
                f"unknown field {field!r} in the column mapping{did_you_mean(field, FIELDS)}"
            )
    return ArticleReader([inputs] if isinstance(inputs, (str, Path)) else inputs, columns or {}, strict)


def _names(inputs: Sequence[Path | str]) -> dict[Path, str]:
    """Every file once, with the name its articles go by: the shortest that is no other file's."""
    found: dict[Path, tuple[Path, str]] = {}
    for given in inputs:
        if str(given) != STDIN:
            for path, name in _expand(given):
                found.setdefault(path.resolve(), (path, name))
    choices = {path: _choices(path, name) for path, name in found.values()}
    taken = Counter(name for names in choices.values() for name in set(names))
    return {
        path: next((name for name in names if taken[name] == 1), names[-1]) for path, names in choices.items()
    }


def _choices(path: Path, name: str) -> tuple[str, str, str]:
    return name.removesuffix(path.name) + path.name[: -len(kind_of(path)) or None], name, path.as_posix()


def _expand(given: Path | str) -> Iterator[tuple[Path, str]]:
    """The files an input stands for, sorted, with their paths inside it."""
    path = Path(given)
    try:
        if path.is_dir():
            yield from ((file, file.relative_to(path).as_posix()) for file in _folder(path))
            return
        exists = path.exists()
    except OSError as error:  # a text given for a path is too long a name
        raise InputError(str(given)[:80], f"cannot be opened: {error.strerror}") from None
    if exists:
        if kind_of(path) not in READERS:
            raise InputError(path, f"unknown kind of file {kind_of(path)!r} (known: {', '.join(READERS)})")
        yield path, path.name
    elif has_magic(str(given)) and (matches := _glob(str(given))):
        yield from ((match, match.name) for match in matches)
    else:
        raise InputError(path, "no such file, folder or glob")


def _folder(path: Path) -> list[Path]:
    found = sorted(file for file in path.rglob("*") if kind_of(file) in READERS and file.is_file())
    if not found:
        raise InputError(path, f"no articles in this folder (known: {', '.join(READERS)})")
    return found


def _glob(pattern: str) -> list[Path]:
    matches = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    return [Path(match) for match in matches if Path(match).is_file()]
