"""Draw sentences of corpora to label: those that name parties, the rarer parties more often.

    python data/sample_overlay.py dse=DSE/train.txt newsmtsc=MTSC/train.jsonl --held-out dse=DSE/valid.txt \\
        --held-out newsmtsc=MTSC/rw_dev.jsonl --held-out newsmtsc=MTSC/mt_dev.jsonl --out todo.jsonl
    python data/sample_overlay.py ... --polar-by models/newsmtsc --skip todo.jsonl --out polar.jsonl

Without `--polar-by` stance plays no part, so that its natural mix is kept; with it, the sentences come first
that a model or the rules think polar. All parties of a drawn sentence are drawn; sentences like a held-out
one are left out. What is written holds text that is not ours: keep it out of the repository. A minute.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from partystance.building import rule_answers
from partystance.console import readable_errors
from partystance.corpus import mentions_by_party
from partystance.labels.overlays import CorpusSentence, corpus_and_path, corpus_sentences, sentence_key
from partystance.parties import Registry
from partystance.schema import Example, Stance
from partystance.splits import near_duplicate_clusters
from partystance.tables import read_examples, write_rows

WORDS = range(6, 71)
"""Shorter sentences are fragments, longer ones several sentences in one."""
RULE_BONUS = 0.5
"""What a polar answer of the rules adds to a model's probability of a stance."""

Corpora = list[str]


def main(
    corpora: Annotated[Corpora, typer.Argument(help="corpus=file: dse=..., newsmtsc=...")],
    out: Annotated[Path, typer.Option(help="a table of unlabelled rows")],
    held_out: Annotated[Corpora | None, typer.Option(help="corpus=file whose sentences are left out")] = None,
    skip: Annotated[Path | None, typer.Option(help="rows that were drawn before")] = None,
    rows: Annotated[int, typer.Option(help="how many (sentence, party) rows, about")] = 1700,
    polar_by: Annotated[Path | None, typer.Option(help="a run that says what is likely polar")] = None,
    seed: Annotated[int, typer.Option(help="of the draw")] = 13,
) -> None:
    """Draw (sentence, party) rows to label."""
    with readable_errors():
        found = candidates(corpora, held_out or [])
        if skip:
            drawn = {sentence_key(row.text) for row in read_examples(skip)}
            found = [pairs for pairs in found if sentence_key(pairs[0].text) not in drawn]
        ordered = by_rarity(found, seed)
        if polar_by:
            ordered = by_polarity(ordered, polar_by)
        chosen: list[Example] = []
        for pairs in ordered:
            if len(chosen) < rows:
                chosen += pairs
        write_rows(out, [row.to_row() for row in chosen])
        print(f"{out}: {len(chosen)} rows of {len(found)} sentences that name a party")


def candidates(corpora: Sequence[str], held_out: Sequence[str]) -> list[list[Example]]:
    """The pairs of every sentence that may be drawn, one list a sentence."""
    registry = Registry.shipped()
    kept_out = list(sentences(held_out))
    articles = {sentence.article for sentence in kept_out}
    found = [
        pairs_of(sentence, registry)
        for sentence in sentences(corpora)
        if sentence.article not in articles and len(sentence.text.split()) in WORDS
    ]
    found = [pairs for pairs in found if pairs]
    texts = [pairs[0].text for pairs in found] + [sentence.text for sentence in kept_out]
    clusters = near_duplicate_clusters(texts)
    seen = set(clusters[len(found) :])
    fresh = []
    for pairs, cluster in zip(found, clusters, strict=False):
        if cluster not in seen:
            seen.add(cluster)
            fresh.append(pairs)
    return fresh


def sentences(named: Iterable[str]) -> Iterable[CorpusSentence]:
    """The sentences of `corpus=file` arguments."""
    for argument in named:
        yield from corpus_sentences(*corpus_and_path(argument))


def pairs_of(sentence: CorpusSentence, registry: Registry) -> list[Example]:
    """One unlabelled row a party."""
    return [
        Example(
            id=f"{sentence_key(sentence.text)[:12]}:{party}",
            doc_id=sentence.article,
            group=sentence.article,
            text=sentence.text,
            party=party,
            mentions=mentions,
        )
        for party, mentions in mentions_by_party(registry.find(sentence.text)).items()
    ]


def by_rarity(found: Sequence[list[Example]], seed: int) -> list[list[Example]]:
    """Weighted order without replacement: a sentence weighs the sum of 1/sqrt(frequency) of its parties.

    Keys as in Efraimidis & Spirakis (2006).
    """
    frequency = Counter(row.party for pairs in found for row in pairs)
    draw = random.Random(seed)

    def key(pairs: list[Example]) -> float:
        return draw.random() ** (1 / sum(1 / math.sqrt(frequency[row.party]) for row in pairs))

    return sorted(found, key=key, reverse=True)


def by_polarity(found: Sequence[list[Example]], run: Path) -> list[list[Example]]:
    """The likeliest polar row of each sentence, most likely first."""
    from partystance import StanceClassifier

    rows = [row for pairs in found for row in pairs]
    predictions = StanceClassifier(run).predict(rows, progress=True)
    ruled = rule_answers(rows, Registry.shipped())
    best: dict[str, tuple[float, Example]] = {}
    for row, prediction, rule in zip(rows, predictions, ruled, strict=True):
        polar = 1 - prediction.probabilities[1] + RULE_BONUS * (rule.label != Stance.NEUTRAL)
        if polar > best.get(row.text, (-1.0, row))[0]:
            best[row.text] = (polar, row)
    ranked = sorted(best.values(), key=lambda scored: scored[0], reverse=True)
    return [[row] for _, row in ranked]


if __name__ == "__main__":
    typer.run(main)
