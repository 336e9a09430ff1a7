"""NewsMTSC (Hamborg & Donnay, EACL 2021): persons in political news and the sentiment toward them.

Reads both published formats: one sentence with all its targets a line (`train.jsonl`, polarity 2/4/6) and one
target a line (`*-hf/*.jsonl`, polarity -1/0/1). Corpus: https://github.com/fhamborg/NewsMTSC, MIT licence.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from partystance.labels.published import at_offsets, field, json_lines, once_each, placed_at, stance
from partystance.schema import Example

LABEL_SOURCE = "newsmtsc"

_POLARITY = {-1: "criticize", 0: "neutral", 1: "support", 2: "criticize", 4: "neutral", 6: "support"}
_GID = re.compile(r"(?P<article>[a-z]+(?:_v\d+)?_-?\d+_-?\d+)_(?P<sentence>-?\d+)_")
"""`polusa_v1_<article>_-1_<sentence>_<entity>_<from>_<to>` or `allsides_<story>_<article>_<sentence>_...`."""


def read_newsmtsc(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read one NewsMTSC file; every target becomes one example.

    `party` is the target as written, `group` the article part of its gid. Of targets with the same sentence
    and span, the first is kept; when their polarities differ, none. `further_mentions` (pronouns, in one of
    the two formats only) are left out, so that all files mark a target in the same way.

    Args:
        path: a `.jsonl` file in either format.
        counts: is filled with what was left out or mended, by reason.

    Raises:
        InputError: a line is not JSON or lacks a field, or a gid or polarity is of an unknown kind.
    """
    counts = Counter() if counts is None else counts
    yield from once_each(_examples(Path(path), counts), counts)


def _examples(path: Path, counts: Counter[str]) -> Iterator[Example]:
    for line, row in json_lines(path):
        with placed_at(path, line):
            single = isinstance(row, dict) and "targets" not in row
            text = field(row, "sentence" if single else "sentence_normalized", str)
            targets = [row] if single else field(row, "targets", list)
            found = [_example(text, target, "id" if single else "Input.gid", counts) for target in targets]
        yield from (example for example in found if example)


def _example(text: str, target: Any, gid_field: str, counts: Counter[str]) -> Example | None:
    """The example of a target, or None (counted) when its mention is not in the sentence."""
    start, end = field(target, "from", int), field(target, "to", int)
    mention = at_offsets(text, field(target, "mention", str), start, end, counts)
    gid, polarity = field(target, gid_field, str), field(target, "polarity", float, int)
    parts = _GID.match(gid)
    if parts is None:
        raise ValueError(f"gid {gid!r} does not begin with a source, an article and a sentence number")
    label = stance(polarity, _POLARITY, "polarity")
    return mention and Example(
        id=f"{LABEL_SOURCE}:{gid}",
        doc_id=parts["article"],
        sentence_index=int(parts["sentence"]),
        text=text,
        party=mention.surface,
        mentions=(mention,),
        label=label,
        label_source=LABEL_SOURCE,
        group=parts["article"],
    )
