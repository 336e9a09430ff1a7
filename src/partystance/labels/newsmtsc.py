"""NewsMTSC (Hamborg & Donnay, EACL 2021): persons in political news and the sentiment toward them.

Reads both published formats: one sentence with all its targets a line (`train.jsonl`, polarity 2/4/6) and one
target a line (`*-hf/*.jsonl`, polarity -1/0/1). Corpus: https://github.com/fhamborg/NewsMTSC, MIT licence.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from partystance.errors import InputError
from partystance.schema import Example, Mention

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
    same: dict[tuple[str, int, int], list[Example]] = defaultdict(list)
    for line, row in _rows(Path(path)):
        try:
            for example in _examples(row, counts):
                mention = example.mentions[0]
                same[example.text, mention.start, mention.end].append(example)
        except KeyError as error:
            raise InputError(path, f"field {error} is missing: not a NewsMTSC row", line) from None
        except (TypeError, ValueError) as error:
            raise InputError(path, str(error), line) from None
    for examples in same.values():
        if len({example.label for example in examples}) == 1:
            counts["same target again"] += len(examples) - 1
            yield examples[0]
        else:
            counts["same target with different polarities"] += len(examples)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, json.loads(line)
    except OSError as error:
        raise InputError(path, f"cannot read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(path, "not UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(path, f"not JSON: {error.msg} (column {error.colno})", number) from None


def _examples(row: Mapping[str, Any], counts: Counter[str]) -> Iterator[Example]:
    """Yield the examples of one line; those whose mention is not in the sentence are counted instead."""
    if "targets" in row:
        text, targets = row["sentence_normalized"], row["targets"]
    else:
        text, targets = row["sentence"], [row]
    for target in targets:
        mention = _locate(text, target["mention"], target["from"], target["to"])
        if mention is None:
            counts["mention not at its offsets and not found elsewhere without doubt"] += 1
            continue
        if (mention.start, mention.end) != (target["from"], target["to"]):
            counts["offsets mended"] += 1
        yield _example(text, mention, target["Input.gid" if "targets" in row else "id"], target["polarity"])


def _locate(text: str, surface: str, start: int, end: int) -> Mention | None:
    """Return the mention at its offsets, else where its words stand if they stand in one place, else None."""
    if text[start:end] == surface:
        return Mention(start, end, surface)
    places = [found.start() for found in re.finditer(rf"(?<!\w){re.escape(surface)}(?!\w)", text)]
    return Mention(places[0], places[0] + len(surface), surface) if len(places) == 1 and surface else None


def _example(text: str, mention: Mention, gid: str, polarity: float) -> Example:
    parts = _GID.match(gid)
    if parts is None:
        raise ValueError(f"gid {gid!r} does not begin with a source, an article and a sentence number")
    if polarity not in _POLARITY:
        raise ValueError(f"polarity {polarity!r} of {gid!r} is not one of {', '.join(map(str, _POLARITY))}")
    return Example(
        id=f"{LABEL_SOURCE}:{gid}",
        doc_id=parts["article"],
        sentence_index=int(parts["sentence"]),
        text=text,
        party=mention.surface,
        mentions=(mention,),
        label=_POLARITY[int(polarity)],
        label_source=LABEL_SOURCE,
        group=parts["article"],
    )
