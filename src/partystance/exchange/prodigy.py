"""Prodigy: a line a task for `prodigy mark DATASET FILE --view-id choice`, and what `prodigy db-out` returns.

The party's mentions are spans, the stances are options, `accept` holds what is chosen. Prodigy's own keys
begin with an underscore. Shapes: https://prodi.gy/docs/api-interfaces#choice and the recipes in
https://github.com/explosion/prodigy-recipes; the program itself is not free, so it was not run.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from partystance.exchange.merge import Answer, Findings
from partystance.exchange.records import read_lines, write_lines
from partystance.exchange.tasks import Task
from partystance.schema import LABELS, Mention

_SESSION_TIME = re.compile(r"\d{4}-\d\d-\d\d(_\d\d-\d\d-\d\d)?")
"""The name of a session that nobody named: when it began."""


class _Span(BaseModel):
    start: int
    end: int


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    row_id: str
    text: str
    spans: list[_Span] = []
    accept: list[str] = []
    answer: str = ""
    holder: str = ""
    annotator: str = Field("", alias="_annotator_id")
    session: str = Field("", alias="_session_id")
    when: float = Field(0.0, alias="_timestamp")


def write(tasks: Iterable[Task], path: Path) -> None:
    """Write a `.jsonl` file for Prodigy's `choice` interface."""
    write_lines(path, map(_exported, tasks))


def _exported(task: Task) -> dict[str, Any]:
    row, suggestion = task.row, task.suggestion
    meta = {"party": row.party, "title": row.title, "suggested by": suggestion.source if suggestion else ""}
    return {
        "text": row.text,
        "spans": [{"start": m.start, "end": m.end, "label": row.party} for m in row.mentions],
        "options": [{"id": label, "text": label} for label in LABELS],
        "accept": [suggestion.label] if suggestion else [],
        "row_id": row.id,
        "meta": {name: value for name, value in meta.items() if value},
    }


def answers(path: Path, findings: Findings) -> Iterator[Answer]:
    """Yield the accepted choices of a `.jsonl` file; ignored and rejected tasks are counted.

    A rejected task says that something is wrong, not which stance is right. The annotator is the named
    session (`?session=ann` gives `dataset-ann`), else the file's name.
    """
    for place, line in read_lines(path, _Line, findings):
        if line.answer != "accept":
            findings.counts[f"tasks with the answer {line.answer or 'none'}, not used"] += 1
            continue
        label = ", ".join(line.accept)
        spans = tuple(Mention(s.start, s.end, line.text[s.start : s.end]) for s in line.spans)
        annotator = _annotator(line, path)
        yield Answer(place, line.row_id, annotator, label, line.holder, line.text, spans, line.when)


def _annotator(line: _Line, path: Path) -> str:
    names = (line.annotator, line.session)
    return next((name for name in names if name and not _SESSION_TIME.search(name)), path.stem)
