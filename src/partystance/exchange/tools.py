"""The tools by name, and the two ways through them: rows out, rows with answers back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from partystance.exchange import doccano, label_studio, prodigy, sheets
from partystance.exchange.merge import Answer, Findings, merge
from partystance.exchange.tasks import Task, tasks
from partystance.schema import Example


class ToolName(StrEnum):
    """What tools are called on the command line."""

    LABEL_STUDIO = "label-studio"
    DOCCANO = "doccano"
    PRODIGY = "prodigy"
    SHEET = "sheet"


@dataclass(frozen=True, slots=True)
class Tool:
    """How tasks are written for a tool and how its answers are read."""

    write: Callable[[Iterable[Task], Path], None]
    answers: Callable[[Path, Findings], Iterator[Answer]]


TOOLS: Mapping[ToolName, Tool] = {
    ToolName.LABEL_STUDIO: Tool(label_studio.write, label_studio.answers),
    ToolName.DOCCANO: Tool(doccano.write, doccano.answers),
    ToolName.PRODIGY: Tool(prodigy.write, prodigy.answers),
    ToolName.SHEET: Tool(sheets.write, sheets.answers),
}


def write(tool: ToolName, rows: Iterable[Example], path: Path | str, *, blind: bool = False) -> None:
    """Write rows as tasks of a tool.

    Args:
        rows: with unique ids; a label, or what all annotators said, becomes the suggestion.
        path: the tool says which suffix.
        blind: leave the suggestions out.
    """
    TOOLS[tool].write(tasks(rows, blind), Path(path))


def read(
    tool: ToolName,
    paths: Sequence[Path | str],
    originals: Iterable[Example],
    findings: Findings,
    names: Mapping[str, str] | None = None,
) -> Iterator[Example]:
    """Yield the original rows, in order, with the answers of some exported files (`merge` says how).

    Args:
        paths: one export, several of the same tasks, or a file an annotator; of equal age the later counts.
        originals: the rows that were exported.
        findings: is filled with counts and with every answer that does not fit.
        names: what to call annotators that the tool knows otherwise.
    """
    known = names or {}
    answers = (answer for path in paths for answer in TOOLS[tool].answers(Path(path), findings))
    renamed = (replace(answer, annotator=known.get(answer.annotator, answer.annotator)) for answer in answers)
    return merge(originals, renamed, findings)
