"""Overlays: our labels for sentences that are not ours to ship.

A line of an overlay names its sentence by the SHA-256 of the normalised text and holds none of it: only
party, offsets, stance, holder, annotations. Who has the corpus joins the two, and learns how many rows found
no sentence.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from partystance.errors import InputError, PartystanceError
from partystance.files import write_text
from partystance.labels.corpora import READERS, Format
from partystance.labels.dse import read_pairs
from partystance.labels.handmade import CURATED
from partystance.schema import Example, Mention
from partystance.splits import normalise
from partystance.tables import read_rows

KEPT = ("party", "label", "holder", "voice", "mixed", "phenomena", "annotations")
"""Fields of a row that travel in an overlay as they are."""

TRAIN = "train"
"""The split of an overlay's rows that models learn from; others are held out."""

_SUFFIX = "-overlay"


@dataclass(frozen=True, slots=True)
class CorpusSentence:
    """A sentence of a corpus and the article it is from, or (article unknown) its own id."""

    text: str
    article: str


def sentence_key(text: str) -> str:
    """Return the name of a sentence in an overlay: the SHA-256 of its normalised text, as hex."""
    return sha256(normalise(text).encode()).hexdigest()


def is_overlay(example: Example) -> bool:
    """Whether a row comes from an overlay."""
    return example.id.partition(":")[0].endswith(_SUFFIX)


def corpus_and_path(argument: str) -> tuple[str, Path]:
    """Split `corpus=file` as scripts take it.

    Raises:
        PartystanceError: it is written otherwise.
    """
    corpus, sign, path = argument.partition("=")
    if not sign:
        raise PartystanceError(f"{argument!r}: write it as corpus=file, e.g. dse=corpora/dse/train.txt")
    return corpus, Path(path)


def corpus_sentences(corpus: str, path: Path) -> Iterator[CorpusSentence]:
    """Yield the sentences of a corpus file, each once (by `sentence_key`), in order.

    Raises:
        InputError: an unknown corpus, or a file that is not in its format.
    """
    if corpus not in READERS:
        raise InputError(path, f"unknown corpus {corpus!r}; known: {', '.join(READERS)}")
    seen: set[str] = set()
    for sentence in _sentences(corpus, path):
        if (key := sentence_key(sentence.text)) not in seen:
            seen.add(key)
            yield sentence


def keyed_sentences(corpus: str, path: Path) -> dict[str, CorpusSentence]:
    """Return the sentences of a corpus file by `sentence_key`. Raises as `corpus_sentences`."""
    return {sentence_key(sentence.text): sentence for sentence in corpus_sentences(corpus, path)}


def _sentences(corpus: str, path: Path) -> Iterator[CorpusSentence]:
    if corpus == Format.DSE:  # a pair without a relation gives no row, but its sentence is one of the corpus
        for pair in read_pairs(path):
            yield CorpusSentence(pair.text, f"dse:{path.stem}:{pair.line}")
    else:
        for example in READERS[corpus](path, Counter()):
            yield CorpusSentence(example.text, example.group or example.doc_id)


def overlay_row(example: Example, sample: str) -> dict[str, Any]:
    """Return the line of an overlay for a labelled row: no text, and no field that is empty.

    Args:
        example: the row, with its text.
        sample: how the sentence was drawn: `natural` (whatever its stance) or `polar` (likely to have one).
    """
    row = example.to_row()
    spans = [[mention.start, mention.end] for mention in example.mentions]
    line = {"sentence": sentence_key(example.text), "characters": len(example.text), "mentions": spans}
    return line | {name: row[name] for name in KEPT if row[name]} | {"sample": sample}


def extended_overlay(
    lines: Sequence[Mapping[str, Any]],
    rows: Iterable[Example],
    sentences: Mapping[str, CorpusSentence],
    sample: str,
    counts: Counter[str],
) -> list[Mapping[str, Any]]:
    """Return an overlay with more labelled rows, to train on, in the order of an overlay.

    Args:
        lines: the overlay so far. What it holds out stays the same, so that scores stay comparable.
        rows: labelled rows of sentences of the corpus.
        sentences: the corpus, by `sentence_key`.
        sample: how the rows were drawn, as in `overlay_row`.
        counts: is filled with what became of the rows of this corpus.

    Raises:
        ValueError: a row's mention is elsewhere in the corpus's spelling of its sentence.
    """
    labelled = {(line["sentence"], line["party"]) for line in lines}
    held_out = {
        sentences[line["sentence"]].article
        for line in lines
        if line["split"] != TRAIN and line["sentence"] in sentences
    }
    extended = list(lines)
    for row in rows:
        key = sentence_key(row.text)
        if (key, row.party) in labelled:
            counts["labelled before"] += 1
        elif sentences[key].article in held_out:
            counts["in an article that is held out"] += 1
        else:
            for mention in row.mentions:
                mention.check(sentences[key].text)
            labelled.add((key, row.party))
            extended.append(overlay_row(row, sample) | {"split": TRAIN})
            counts["added"] += 1
    return sorted(extended, key=lambda line: (line["sentence"], line["mentions"][0][0], line["party"]))


def read_overlay(
    overlay: Path, corpus: str, path: Path, counts: Counter[str] | None = None
) -> Iterator[Example]:
    """Join an overlay with a local copy of its corpus.

    Args:
        overlay: a JSONL file of `overlay_row` lines.
        corpus: a format of `corpora.READERS`.
        path: the corpus file that the labelled sentences are from.
        counts: is filled with how many rows found their sentence, and why others did not.

    Raises:
        InputError: a file is missing or broken, or a line is not one of an overlay.
    """
    counts = Counter() if counts is None else counts
    sentences = keyed_sentences(corpus, path)
    for number, line in enumerate(read_rows(overlay), start=1):
        try:
            sentence = sentences.get(line["sentence"])
            if sentence is None:
                counts["overlay row whose sentence is not in the corpus"] += 1
            elif len(sentence.text) != line["characters"]:
                counts["overlay row whose sentence is spelled differently"] += 1
            else:
                yield _example(line, corpus, sentence)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(overlay, f"not a row of an overlay: {error}", number) from None


def _example(line: Mapping[str, Any], corpus: str, sentence: CorpusSentence) -> Example:
    mentions = [Mention(start, end, sentence.text[start:end]) for start, end in line["mentions"]]
    fields = {name: line[name] for name in KEPT if name in line}
    row = {
        "id": f"{corpus}{_SUFFIX}:{line['sentence'][:12]}:{line['party']}",
        "doc_id": sentence.article,
        "text": sentence.text,
        "mentions": [{"start": m.start, "end": m.end, "surface": m.surface} for m in mentions],
        "label_source": CURATED,
        "split": line.get("split", ""),
        "group": sentence.article,
    }
    return Example.from_row(row | fields)


def write_overlay(path: Path, lines: Iterator[Mapping[str, Any]]) -> int:
    """Write overlay lines as JSONL, atomically; return how many."""
    texts = [json.dumps(line, ensure_ascii=False) + "\n" for line in lines]
    write_text(path, "".join(texts))
    return len(texts)
