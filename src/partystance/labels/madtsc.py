"""MAD-TSC (Dufraisse, Popescu, Tourille, Brun & Deshayes, ACL 2023): European news, eight languages.

Format: JSONL, as the long form of NewsMTSC: `primary_gid`, `sentence_normalized`, and `targets` with
`Input.gid`, `mention`, `from`, `to` (characters, end exclusive), `polarity` (2 negative, 4 neutral, 6
positive) and now and then `further_mentions`. Files: `original/<language>/{train,validation,test}.jsonl`,
and machine translations (`deepl`, `m2m12b`). From https://github.com/EvanDufraisse/MAD_TSC (MIT licence):
README, dataset configs (`"format": "newsmtsc"`) and the authors' loader `tscbench/data/load/absa.py`, which
takes the target whose gid is the line's `primary_gid`, or the only one; so does this reader.

The data files themselves were not at hand: how gids are made, and so the article, could not be confirmed.
The gid is taken to be the same in all languages, so that the translations of a sentence share a `group`.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from partystance.labels.published import at_offsets, field, json_lines, lone_row, once_each, placed_at, stance
from partystance.schema import Example

LABEL_SOURCE = "madtsc"

_POLARITY = {2: "criticize", 4: "neutral", 6: "support"}


def read_madtsc(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read one MAD-TSC file; every line becomes a row, repeated ones once.

    Args:
        path: a `.jsonl` file; its folder (the language) and name go into the ids.
        counts: is filled with what was left out or mended, by reason.

    Raises:
        InputError: a line is not JSON, lacks a field or its primary target, or has an unknown polarity.
    """
    counts = Counter() if counts is None else counts
    yield from once_each(_examples(Path(path), counts), counts)


def _examples(path: Path, counts: Counter[str]) -> Iterator[Example]:
    for line, row in json_lines(path):
        with placed_at(path, line):
            example = _example(row, f"{LABEL_SOURCE}:{path.parent.name}/{path.stem}:{line}", counts)
        if example:
            yield example


def _example(row: Any, name: str, counts: Counter[str]) -> Example | None:
    text, gid, target = field(row, "sentence_normalized", str), field(row, "primary_gid", str), _primary(row)
    label = stance(field(target, "polarity", float, int), _POLARITY, "polarity")
    start, end = field(target, "from", int), field(target, "to", int)
    mention = at_offsets(text, field(target, "mention", str), start, end, counts)
    return mention and lone_row(name, text, mention, label, group=f"{LABEL_SOURCE}:{gid}")


def _primary(row: Any) -> Any:
    """The target that the line is about."""
    targets = field(row, "targets", list)
    if len(targets) == 1:
        return targets[0]
    found = [target for target in targets if field(target, "Input.gid", str) == row["primary_gid"]]
    if not found:
        raise ValueError(f"primary_gid {row['primary_gid']!r:.80} is none of its targets")
    return found[0]
