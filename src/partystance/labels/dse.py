"""DSE, "Who Blames or Endorses Whom" (Park, Pan & Joo, Findings of ACL 2021): who takes a stance toward whom.

One line a pair of entities, tab separated: the sentence with both entities in `[brackets]`, the first, the
second, and the relation from one to the other. Brackets that cut a word (`the [United State]s`) are mended.
Corpus: the authors' README allows any use that cites the paper.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from partystance.errors import InputError
from partystance.labels.published import numbered_lines
from partystance.schema import Example, Mention, Stance

LABEL_SOURCE = "dse"
SILENCE = "dse-silence"
"""The label source of what pairs do not say."""

DIRECTIONS = ((0, 1), (1, 0))
"""Holder and target, as places among a pair's entities."""


RELATIONS = {
    "0": None,
    "1": ("support", 0, 1),
    "2": ("support", 1, 0),
    "3": ("criticize", 0, 1),
    "4": ("criticize", 1, 0),
}
"""By the number in the file: stance, holder, target (the first entity is 0, the second 1), or no relation."""

NO_RELATION = "no relation between the two entities"
"""The reason by which `read_dse` counts pairs that give no row."""

_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_POSSESSIVE = re.compile(r"['’]s?\Z")
_MARKS = " \t\"'“”‘’,.;:"
_ABBREVIATED = re.compile(r"\b[A-Z]\Z|\b(?:Inc|Corp|Co|Ltd|Jr|Sr)\Z")


@dataclass(frozen=True, slots=True)
class Pair:
    """One line: a sentence without brackets, its two entities, and the relation's number."""

    line: int
    text: str
    entities: tuple[Mention, Mention]
    relation: str


def read_pairs(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Pair]:
    """Read the pairs of entities of a DSE file, brackets mended, repeated lines left out.

    Args:
        path: `train.txt`, `valid.txt` or `test.txt` as published.
        counts: is filled with what was left out or mended, by reason.

    Raises:
        InputError: a line has not four columns, two brackets and a relation from 0 to 4; names the line.
    """
    source, counts = Path(path), Counter() if counts is None else counts
    seen: dict[tuple[str, tuple[Mention, Mention]], str] = {}
    for line, content in numbered_lines(source):
        columns = content.split("\t")
        brackets = list(_BRACKET.finditer(columns[0]))
        if len(columns) != 4 or len(brackets) != 2 or columns[3] not in RELATIONS:
            raise InputError(source, "not four columns, two [brackets] and a relation from 0 to 4", line)
        text = _BRACKET.sub(r"\1", columns[0])
        # Two marks of the first bracket are gone before the second.
        first, second = (_mend(text, m.start() - 2 * i, m.end() - 2 - 2 * i) for i, m in enumerate(brackets))
        if first is None or second is None or first.end > second.start:
            counts["an entity without a word in it"] += 1
            continue
        entities = (first, second)
        counts["brackets mended"] += sum(m.surface != b[1] for m, b in zip(entities, brackets, strict=True))
        if before := seen.get((text, entities)):
            same = before == columns[3]
            counts["same pair again" if same else "same pair, another relation"] += 1
            continue
        seen[text, entities] = columns[3]
        yield Pair(line, text, entities, columns[3])


def read_dse(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read a DSE file as (sentence, target) rows: one a pair with a relation, the other entity its holder.

    Pairs without a relation give no row: somebody else may take a stance toward either of them. What they do
    say is what `read_dse_silence` reads.

    Raises:
        InputError: as `read_pairs`.
    """
    counts = Counter() if counts is None else counts
    name = Path(path).stem
    for pair in read_pairs(path, counts):
        relation = RELATIONS[pair.relation]
        if relation is None:
            counts[NO_RELATION] += 1
            continue
        label, holder, target = relation
        yield Example(
            id=f"{LABEL_SOURCE}:{name}:{pair.line}",
            doc_id=f"{LABEL_SOURCE}:{name}:{pair.line}",  # the articles are not known
            text=pair.text,
            party=pair.entities[target].surface,
            mentions=(pair.entities[target],),
            label=label,
            holder=pair.entities[holder].surface,
            label_source=LABEL_SOURCE,
        )


def read_dse_silence(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read a DSE file as the stances that are *not* there: neutral rows that hold of one holder alone.

    A pair without a relation gives one in either direction, a pair with one gives that of the other
    direction.

    Raises:
        InputError: as `read_pairs`.
    """
    name = Path(path).stem
    for pair in read_pairs(path, counts):
        relation = RELATIONS[pair.relation]
        for holder, target in DIRECTIONS:
            if relation and relation[1:] == (holder, target):
                continue
            yield Example(
                id=f"{LABEL_SOURCE}:{name}:{pair.line}:silence-{holder}-{target}",
                doc_id=f"{LABEL_SOURCE}:{name}:{pair.line}",
                text=pair.text,
                party=pair.entities[target].surface,
                mentions=(pair.entities[target],),
                label=Stance.NEUTRAL,
                holder=pair.entities[holder].surface,
                label_source=SILENCE,
            )


def _mend(text: str, start: int, end: int) -> Mention | None:
    """The whole words that a bracket touches, without quotes, punctuation and a possessive at their edges."""
    while start > 0 and text[start : start + 1].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    bare = _POSSESSIVE.sub("", text[start:end].strip()).rstrip(_MARKS)
    if text[start:end].rstrip().endswith(f"{bare}.") and _ABBREVIATED.search(bare):
        bare += "."  # the full stop of "U. S." belongs to it
    bare = bare.lstrip(_MARKS + ".")
    if not any(character.isalnum() for character in bare):
        return None
    start = text.index(bare, start)
    return Mention(start, start + len(bare), bare)
