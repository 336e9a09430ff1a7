"""doccano: a project of the kind "Intent Detection and Slot Filling", whose tasks have spans and categories.

The category is the stance (`cats`), the spans mark the party (`entities`); everything else of a line becomes
metadata, which doccano shows beside the text and gives back on the same level. Offsets count code points.
Shapes: the source of doccano 1.8.4, `data_import/datasets.py` and `data_export/models.py`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from partystance.exchange.merge import Answer, Findings
from partystance.exchange.records import read_lines, write_lines
from partystance.exchange.tasks import Task
from partystance.schema import Mention

PARTY = "party"
"""The label of the spans."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    row_id: str
    text: str
    suggestion: str = ""
    cats: list[str] = []
    entities: list[tuple[int, int, str]] = []


def write(tasks: Iterable[Task], path: Path) -> None:
    """Write a `.jsonl` file for doccano's import.

    Every line has the same keys: doccano reads them into a table, where a missing one turns into a number.
    """
    write_lines(path, map(_exported, tasks))


def _exported(task: Task) -> dict[str, Any]:
    row, suggestion = task.row, task.suggestion
    return {
        "text": row.text,
        "cats": [suggestion.label] if suggestion else [],
        "entities": [[mention.start, mention.end, PARTY] for mention in row.mentions],
        "row_id": row.id,
        "party": row.party,
        "named": "; ".join(dict.fromkeys(mention.surface for mention in row.mentions)),
        "suggestion": suggestion.label if suggestion else "",
        "suggested_by": suggestion.source if suggestion else "",
        "title": row.title,
    }


def answers(path: Path, findings: Findings) -> Iterator[Answer]:
    """Yield the stances of an exported `.jsonl` file; its name is the annotator's.

    doccano writes a file a member (`ann.jsonl`), or `all.jsonl` when members share their annotations. It does
    not say which of its suggestions somebody confirmed: export approved documents only.
    """
    for place, line in read_lines(path, _Line, findings):
        if not line.cats:
            findings.counts["tasks without an answer"] += 1
            continue
        same = "answers that equal the suggestion (approved or not)"
        findings.counts[same] += line.cats == [line.suggestion]
        spans = tuple(Mention(start, end, line.text[start:end]) for start, end, _ in line.entities)
        yield Answer(place, line.row_id, path.stem, ", ".join(line.cats), "", line.text, spans)
