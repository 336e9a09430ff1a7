"""Minimal pairs: two sentences that differ in one thing, which must change the label or must leave it alone.

For measuring only. After the contrast sets of Gardner et al. (Findings of EMNLP 2020) and CheckList's
invariance and directional tests (Ribeiro et al., ACL 2020).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partystance.errors import InputError
from partystance.schema import Example
from partystance.tables import read_rows

CHANGES = {
    "roles-swapped": True,
    "party-swapped": False,
    "negation": True,
    "reported-asserted": False,
    "active-passive": False,
    "alias-name": False,
    "neutral-paraphrase": True,
    "stance-moved": True,
}
"""What differs, and whether it must change the label."""


@dataclass(frozen=True, slots=True)
class MinimalPair:
    """Two labelled rows and what differs between them.

    Raises:
        ValueError: an unknown change, a row without a label, or labels that contradict what the change does.
    """

    id: str
    change: str
    first: Example
    second: Example

    def __post_init__(self) -> None:
        if self.change not in CHANGES:
            raise ValueError(f"change {self.change!r} is not one of {', '.join(CHANGES)}")
        if not (self.first.label and self.second.label):
            raise ValueError(f"pair {self.id!r}: both rows need a label")
        if (self.first.label != self.second.label) != CHANGES[self.change]:
            must = "must" if CHANGES[self.change] else "must not"
            raise ValueError(
                f"pair {self.id!r}: {self.change} {must} change the label, "
                f"and the labels are {self.first.label} and {self.second.label}"
            )

    @property
    def rows(self) -> tuple[Example, Example]:
        """Both rows."""
        return self.first, self.second


def read_minimal_pairs(path: Path) -> Iterator[MinimalPair]:
    """Read pairs from JSONL: `{"id", "change", "rows": [row, row]}`, rows with text, party, mentions, label.

    Raises:
        InputError: a line is not a pair; names the line.
    """
    for number, line in enumerate(read_rows(path), start=1):
        try:
            first, second = (_row(line, place) for place in (0, 1))
            yield MinimalPair(line["id"], line["change"], first, second)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(path, f"not a minimal pair: {error}", number) from None


def _row(line: dict[str, Any], place: int) -> Example:
    name = f"{line['id']}{'ab'[place]}"
    return Example.from_row({"id": name, "doc_id": line["id"], "group": line["id"]} | line["rows"][place])


def pair_scores(
    pairs: Sequence[MinimalPair], labels: Sequence[tuple[str, str]]
) -> dict[str, dict[str, float]]:
    """Return by change, and for `all`: `n`, the share with both labels `right`, and with the right `effect`.

    Effect: the two labels differ where they must, and are the same where they must be, right or not.

    Args:
        pairs: the pairs.
        labels: what a model says of their two rows, in the same order.
    """
    table: dict[str, dict[str, float]] = {}
    for name in (*CHANGES, "all"):
        own = [(p, got) for p, got in zip(pairs, labels, strict=True) if name in (p.change, "all")]
        if own:
            right = sum((p.first.label, p.second.label) == got for p, got in own)
            effect = sum((got[0] != got[1]) == CHANGES[p.change] for p, got in own)
            table[name] = {"n": len(own), "right": right / len(own), "effect": effect / len(own)}
    return table
