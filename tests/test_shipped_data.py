"""The shipped articles and labels: complete under the registry, varied, and honest about what they are."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from sklearn.metrics import cohen_kappa_score

from partystance.articles import read_articles
from partystance.corpus import mentions_by_party, pairs
from partystance.parties import Registry
from partystance.schema import Article, Example, Mention
from partystance.sentences import split_sentences
from partystance.splits import normalise
from partystance.tables import read_examples

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def articles() -> dict[str, Article]:
    return {
        article.doc_id: article
        for article in read_articles([DATA / "articles" / "invented.jsonl"], strict=True)
    }


@pytest.fixture(scope="module")
def rows() -> list[Example]:
    return list(read_examples(DATA / "labels" / "invented.jsonl"))


def test_there_is_enough_of_it(articles: dict[str, Article], rows: list[Example]) -> None:
    assert len(articles) >= 60
    assert len(rows) >= 900
    labels = Counter(row.label for row in rows)
    assert labels["neutral"] > len(rows) / 2
    assert min(labels.values()) > len(rows) / 10
    assert max(Counter(row.party for row in rows).values()) < 0.15 * len(rows)
    assert len({row.party for row in rows}) >= 40


def test_every_pair_the_registry_finds_is_labelled_and_no_other(
    articles: dict[str, Article], rows: list[Example]
) -> None:
    registry = Registry.shipped()
    found = {pair.id: pair.mentions for article in articles.values() for pair in pairs(article, registry)}
    assert {row.id: row.mentions for row in rows} == found


def test_rows_lie_where_they_say(articles: dict[str, Article], rows: list[Example]) -> None:
    for row in rows:
        assert articles[row.doc_id].text[row.sentence_start : row.sentence_end] == row.text


def test_labels_say_what_they_are(rows: list[Example]) -> None:
    assert {row.label_source for row in rows} == {"curated"}  # made by a language model: never "human"
    for row in rows:
        assert bool(row.holder) == (row.label != "neutral"), row.id
        assert bool(row.voice) == (row.label != "neutral"), row.id
        assert (row.holder == "author") == (row.voice == "author"), row.id


def test_articles_have_the_length_of_news(articles: dict[str, Article]) -> None:
    for article in articles.values():
        assert 6 <= len(split_sentences(article)) - 1 <= 15, article.doc_id  # the title is the first


def test_events_lie_in_the_future(articles: dict[str, Article]) -> None:
    assert all(article.date > "2030" for article in articles.values())  # invented, and plainly so


def test_no_two_sentences_share_more_than_half_of_their_trigrams(articles: dict[str, Article]) -> None:
    """Shared over the smaller set of word 3-grams, counted by an index of every 3-gram."""
    sentences = [s.text for article in articles.values() for s in split_sentences(article)]
    trigrams = []
    for text in sentences:
        words = text.lower().split()
        trigrams.append({tuple(words[i : i + 3]) for i in range(len(words) - 2)})
    index: dict[tuple[str, ...], list[int]] = {}
    for position, grams in enumerate(trigrams):
        for gram in grams:
            index.setdefault(gram, []).append(position)
    shared = Counter(
        (a, b) for places in index.values() for k, a in enumerate(places) for b in places[k + 1 :]
    )
    templates = [
        (sentences[a], sentences[b])
        for (a, b), n in shared.items()
        if n > min(len(trigrams[a]), len(trigrams[b])) / 2
    ]
    assert templates == []


def test_the_files_are_plain_json_lines() -> None:
    for path in (DATA / "articles" / "invented.jsonl", DATA / "labels" / "invented.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert all(isinstance(json.loads(line), dict) for line in lines)


def test_the_sample_article_is_not_among_them(articles: dict[str, Article]) -> None:
    (sample,) = read_articles([DATA / "articles" / "sample.txt"])
    theirs = {s.text for article in articles.values() for s in split_sentences(article)}
    assert not theirs & {s.text for s in split_sentences(sample)}


def test_every_disagreement_is_settled_with_a_reason(rows: list[Example], contrast: list[Example]) -> None:
    settled = {
        entry["id"]: entry
        for entry in map(json.loads, (DATA / "labels" / "adjudications.jsonl").open(encoding="utf-8"))
    }
    disputed = {row.id: row for row in rows + contrast if len({a.label for a in row.annotations}) > 1}
    assert settled.keys() == disputed.keys()
    for row_id, row in disputed.items():
        assert (settled[row_id]["label"], settled[row_id]["holder"]) == (row.label, row.holder)
        assert len(settled[row_id]["reason"]) > 10


def test_the_card_counts_what_is_there(articles: dict[str, Article], rows: list[Example]) -> None:
    card = (DATA / "README.md").read_text(encoding="utf-8")
    labels = Counter(row.label for row in rows)
    twice = [row for row in rows if len(row.annotations) == 2]
    counts = [len(articles), len(rows), *labels.values(), len({row.party for row in rows}), len(twice)]
    for count in counts:
        assert f"{count:,}" in card
    first, second = ([row.annotations[i].label for row in twice] for i in (0, 1))
    assert f"kappa {cohen_kappa_score(first, second):.2f}" in card
    assert (
        f"{sum(a == b for a, b in zip(first, second, strict=True)) / len(twice):.1%}".replace("%", " %")
        in card
    )
    assert min(Counter(tag for row in rows for tag in row.phenomena).values()) >= 66


@pytest.fixture(scope="module")
def contrast() -> list[Example]:
    return list(read_examples(DATA / "labels" / "contrast.jsonl"))


def test_contrast_sets_label_every_party_of_every_sentence(contrast: list[Example]) -> None:
    registry = Registry.shipped()
    labelled: dict[str, dict[str, tuple[Mention, ...]]] = {}
    for row in contrast:
        labelled.setdefault(row.text, {})[row.party] = row.mentions
        assert row.label_source == "curated"
        assert not re.search(r"[|#=\[\]]", row.text), row.id  # marks of the formats that people write rows in
        assert bool(row.holder) == bool(row.voice) == (row.label != "neutral"), row.id
        assert (row.holder == "author") == (row.voice == "author"), row.id
    assert {text: mentions_by_party(registry.find(text)) for text in labelled} == labelled


def test_contrast_sets_stay_in_one_split_and_share_their_words(contrast: list[Example]) -> None:
    sets: dict[str, dict[str, set[str]]] = {}
    for row in contrast:
        assert row.group == row.doc_id
        sets.setdefault(row.doc_id, {})[row.text] = set(row.text.lower().split())
    assert all(3 <= len(sentences) <= 5 for sentences in sets.values())
    for doc_id, sentences in sets.items():
        assert max(len(one & other) for one, other in combinations(sentences.values(), 2)) >= 4, doc_id
        labels = {(row.party, row.label) for row in contrast if row.doc_id == doc_id}
        assert len(labels) > len({party for party, _ in labels}), doc_id  # some party's stance changes


def test_no_contrast_sentence_is_a_minimal_pair(contrast: list[Example]) -> None:
    pairs = (DATA / "minimal_pairs.jsonl").read_text(encoding="utf-8").splitlines()
    measured = {normalise(row["text"]) for line in pairs for row in json.loads(line)["rows"]}
    assert not measured & {normalise(row.text) for row in contrast}


def test_the_card_counts_the_contrast_sets(contrast: list[Example]) -> None:
    card = (DATA / "README.md").read_text(encoding="utf-8").split("## Contrast sets")[1]
    sets, parties = {row.doc_id for row in contrast}, {row.party for row in contrast}
    counts = [len(contrast), len({row.text for row in contrast}), len(sets), len(parties)]
    twice = [row for row in contrast if len(row.annotations) == 2]
    for count in [*counts, *Counter(row.label for row in contrast).values(), len(twice)]:
        assert f"{count:,}" in card
    first, second = ([row.annotations[i].label for row in twice] for i in (0, 1))
    assert f"kappa {cohen_kappa_score(first, second):.2f}" in card
