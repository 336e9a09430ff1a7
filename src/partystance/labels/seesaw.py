"""SEESAW (Zhang, Beauchamp & Wang, EMNLP 2022): which entity is for or against which, in US political news.

Format: a folder with three more. `annotations/TRIPLET_<story>_DOCUMENT_<n>.json`: `sentence-level stances`,
by sentence number a list of `subject`, `sentiment` (POS or NEG), `object`, `annotators`. `articles/` has a
file of the same name: `title` and `text`, a list of `id` and `text`. `meta/TRIPLET_<story>.json`: `Split`
(train, valid, test), `story_time`, and `Meta info for article <n>` with `source`, `url`, `title`,
`bias_label`. From https://github.com/launchnlp/SEESAW, folder `SEESAW`: its README, some of the files, and
the authors' script `data/script/step_0_data_conversion.py`. The repository states no licence; the articles
are their outlets'.

Entities go by canonical names, and the annotators used the context. A row needs a mention, so an object
whose name is not in the sentence as it stands (`he`, `Mr. Quill`, `Republicans` for `Republican Party`)
gives none: short forms would be guesses. Subjects may be `None` (nobody is named; it seems to be the
author, which could not be confirmed) or `Not in the list`: the holder is then empty. There are no neutral
labels.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from partystance.errors import InputError
from partystance.labels.published import NOT_NAMED, field, json_file, named, once_each, placed_at, stance
from partystance.schema import Example

LABEL_SOURCE = "seesaw"

_SENTIMENT = {"POS": "support", "NEG": "criticize"}
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_NOBODY = {"None", "Not in the list"}
_NAME = re.compile(r"TRIPLET_(?P<story>\w+)_DOCUMENT_(?P<article>\d+)\Z")


def read_seesaw(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read SEESAW; every stance toward an entity named in its sentence becomes a row, the subject its holder.

    Rows have the corpus's own split. Of stances toward one entity in one sentence the first is kept; when
    they differ, none.

    Args:
        path: the folder `SEESAW`.
        counts: is filled with what was left out, by reason.

    Raises:
        InputError: a file is missing, is no JSON, lacks a field or has an unknown value; says where.
    """
    folder, counts = Path(path), Counter() if counts is None else counts
    files = sorted(folder.glob("annotations/*.json"))
    if not files:
        raise InputError(folder, "no annotations/*.json in it: give the folder SEESAW of the repository")
    yield from once_each((row for file in files for row in _article(folder, file, counts)), counts)


def _article(folder: Path, file: Path, counts: Counter[str]) -> Iterator[Example]:
    """The rows of one annotated article."""
    name = _NAME.match(file.stem)
    if name is None:
        raise InputError(file, "the name is not TRIPLET_<story>_DOCUMENT_<n>.json")
    origin = _origin(folder / "meta" / f"TRIPLET_{name['story']}.json", name["article"])
    origin |= {"doc_id": f"{LABEL_SOURCE}:{file.stem}", "group": f"{LABEL_SOURCE}:{name['story']}"}
    sentences = _sentences(folder / "articles" / file.name)
    annotation = json_file(file)
    with placed_at(file, "annotation"):
        stances = field(annotation, "sentence-level stances", dict)
    for index in stances:
        with placed_at(file, f"sentence {index}"):
            triples = field(stances, index, list)
            if index not in sentences:
                raise ValueError("the article has no such sentence")
            rows = list(_examples(sentences[index], int(index), triples, origin, counts))
        yield from rows


def _origin(path: Path, article: str) -> dict[str, Any]:
    """Where an article is from, as fields of a row."""
    story = json_file(path)
    with placed_at(path, "story"):
        meta = field(story, f"Meta info for article {article}", dict)
        return {
            "split": stance(field(story, "Split", str), _SPLITS, "Split"),
            "date": field(story, "story_time", str),
            "outlet": field(meta, "source", str),
            "url": field(meta, "url", str),
            "title": field(meta, "title", str),
        }


def _sentences(path: Path) -> dict[str, str]:
    """The sentences of an article by their number, as the annotations write it."""
    article = json_file(path)
    with placed_at(path, "article"):
        sentences = field(article, "text", list)
        return {str(field(sentence, "id", int)): field(sentence, "text", str) for sentence in sentences}


def _examples(
    text: str, index: int, triples: list[Any], origin: dict[str, Any], counts: Counter[str]
) -> Iterator[Example]:
    for number, triple in enumerate(triples):
        subject, target = field(triple, "subject", str), field(triple, "object", str)
        label = stance(field(triple, "sentiment", str), _SENTIMENT, "sentiment")
        mentions = () if target in _NOBODY else named(text, target)
        if not mentions:
            counts[NOT_NAMED] += 1
            continue
        yield Example(
            id=f"{origin['doc_id']}:{index}:{number}",
            sentence_index=index,
            text=text,
            party=target,
            mentions=mentions,
            label=label,
            holder="" if subject in _NOBODY else subject,
            label_source=LABEL_SOURCE,
            **origin,
        )
