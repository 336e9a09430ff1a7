"""Label Studio: tasks as its import takes them, answers from its JSON export.

Its `start` and `end` count code points, as ours do: measured in the page of version 1.23.2. Versions before
2022 counted UTF-16 code units (an emoji is two; issue 1347), and some trimmed the text first. Every region is
therefore compared with the words it is said to hold, and read in whichever way fits. The page for these tasks
is `configs/annotation/label_studio.xml`; `data/label_studio_roundtrip.py` runs it all.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from partystance.errors import InputError
from partystance.exchange.merge import Answer, Findings
from partystance.exchange.records import first_error, need_suffix
from partystance.exchange.tasks import Task
from partystance.files import staged
from partystance.schema import Example, Mention

TEXT, PARTY, STANCE, HOLDER = "text", "party", "stance", "holder"
"""Names in the labelling config: the sentence, the marks, the choice, the field for who takes the stance."""

VERSION = "partystance"
"""The `model_version` of every prediction: a project shows those of one version. Data says whose they are."""


class _Value(BaseModel):
    start: int | None = None
    end: int | None = None
    text: str | list[str] = ""
    choices: list[str] = []


class _Item(BaseModel):
    from_name: str = ""
    value: _Value = _Value()


class _User(BaseModel):
    id: int
    email: str = ""


class _Annotation(BaseModel):
    completed_by: int | _User | None = None
    was_cancelled: bool = False
    result: list[_Item] = []
    created_at: datetime | None = None
    updated_at: datetime | None = None


class _Data(BaseModel):
    id: str
    text: str


class _Task(BaseModel):
    data: _Data
    annotations: list[_Annotation] = []
    drafts: list[Any] = []


def write(tasks: Iterable[Task], path: Path) -> None:
    """Write a `.json` file for Label Studio's import."""
    need_suffix(path, ".json")
    with staged(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        between = "["
        for task in tasks:
            stream.write(f"{between}\n{json.dumps(_exported(task), ensure_ascii=False)}")
            between = ","
        stream.write("[]\n" if between == "[" else "\n]\n")


def _exported(task: Task) -> dict[str, Any]:
    row = task.row
    data = {name: getattr(row, name) for name in ("id", "text", "party", "title", "outlet", "date")}
    result = [_mark(row, number) for number in range(len(row.mentions))]
    data["suggested_by"] = task.suggestion.source if task.suggestion else ""
    if task.suggestion:
        result.append(_item(STANCE, "choices", {"choices": [task.suggestion.label]}))
        if task.suggestion.holder:
            result.append(_item(HOLDER, "textarea", {"text": [task.suggestion.holder]}))
    return {"data": data, "predictions": [{"model_version": VERSION, "result": result}]}


def _mark(row: Example, number: int) -> dict[str, Any]:
    mention = row.mentions[number]
    value = {"start": mention.start, "end": mention.end, "text": mention.surface, "labels": [PARTY]}
    return _item(PARTY, "labels", value, f"mention-{number}")


def _item(name: str, kind: str, value: dict[str, Any], item_id: str = "") -> dict[str, Any]:
    return {"id": item_id or name, "from_name": name, "to_name": TEXT, "type": kind, "value": value}


def answers(path: Path, findings: Findings) -> Iterator[Answer]:
    """Yield what annotators submitted, from a JSON export; skipped tasks and drafts are counted.

    An annotator is called by e-mail where the export has it (a snapshot does, if asked), else
    `user-<number>`.

    Raises:
        InputError: the file is not a JSON export.
    """
    for number, record in enumerate(_records(path), start=1):
        place = f"{path}: task {number}"
        try:
            task = _Task.model_validate(record)
        except ValidationError as error:
            findings.refuse(place, "", "", f"not one of our tasks: {first_error(error)}")
            continue
        findings.counts["drafts that nobody submitted"] += len(task.drafts)
        for annotation in task.annotations:
            yield from _answer(task.data, annotation, place, findings)


def _records(path: Path) -> list[Any]:
    try:
        records = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, f"not a JSON export of Label Studio: {error}") from None
    if not isinstance(records, list):
        raise InputError(path, "a JSON export of Label Studio is a list of tasks: choose JSON when exporting")
    return records


def _answer(data: _Data, annotation: _Annotation, place: str, findings: Findings) -> Iterator[Answer]:
    annotator = _name(annotation.completed_by)
    if annotation.was_cancelled:
        findings.counts["skipped by an annotator"] += 1
        return
    try:
        spans = tuple(_span(data.text, item.value) for item in _named(annotation, PARTY))
    except ValueError as error:
        findings.refuse(place, data.id, annotator, str(error))
        return
    label = ", ".join(choice for item in _named(annotation, STANCE) for choice in item.value.choices)
    words = [item.value.text for item in _named(annotation, HOLDER)]
    holder = "; ".join(part.strip() for text in words for part in ([text] if isinstance(text, str) else text))
    when = annotation.updated_at or annotation.created_at
    yield Answer(
        place, data.id, annotator, label, holder, data.text, spans, when.timestamp() if when else 0.0
    )


def _name(user: int | _User | None) -> str:
    if isinstance(user, _User):
        return user.email or f"user-{user.id}"
    return f"user-{user}"


def _named(annotation: _Annotation, name: str) -> list[_Item]:
    return [item for item in annotation.result if item.from_name == name]


def _span(text: str, value: _Value) -> Mention:
    """The mention in code points that a region means. Raises `ValueError` if its words are nowhere near."""
    if value.start is None or value.end is None or not isinstance(value.text, str):
        raise ValueError("a marked region has no offsets, or no words to check them by")
    before = len(text) - len(text.lstrip())
    for first in dict.fromkeys((0, before)):
        for count in (_code_points, _code_units):
            start, end = first + count(text[first:], value.start), first + count(text[first:], value.end)
            if start < end and text[start:end] == value.text:
                return Mention(start, end, value.text)
    raise ValueError(f"region {value.start} to {value.end} does not hold {value.text!r}")


def _code_points(text: str, end: int) -> int:
    return min(max(0, end), len(text))


def _code_units(text: str, end: int) -> int:
    """How many code points lie before a UTF-16 offset; one that splits a character is rounded down."""
    return len(text.encode("utf-16-le")[: max(0, end) * 2].decode("utf-16-le", errors="ignore"))
