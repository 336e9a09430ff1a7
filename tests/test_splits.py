import random
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partystance.errors import PartystanceError
from partystance.schema import LABELS, Example, Mention
from partystance.splits import (
    assign_groups,
    contamination_report,
    jaccard,
    near_duplicate_clusters,
    normalise,
    shingles,
    split_by_group,
)

FRACTIONS = {"train": 0.7, "validation": 0.15, "test": 0.15}


def row(number, text, label="neutral", **fields):
    return Example(str(number), text, "x", (Mention(0, 1, text[0]),), label, **fields)


def corpus(articles=60, seed=0):
    """Rows of made-up words in articles; every article leans to some label, as in real news."""
    rng = random.Random(seed)
    rows = []
    for article in range(articles):
        weights = [rng.random() for _ in LABELS]
        for sentence in range(rng.randint(3, 12)):
            text = " ".join(f"w{rng.randrange(10**6)}" for _ in range(8))
            label = rng.choices(LABELS, weights)[0]
            rows.append(
                row(f"{article}.{sentence}", text, label, doc_id=f"a{article}", sentence_index=sentence)
            )
    return rows


def brute_force_clusters(texts, threshold):
    """Single linkage over every pair, by repeated merging; shares no code with what is tested."""

    def grams(text):
        words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
        if 0 < len(words) < 3:
            return {tuple(words)}
        return set(zip(words, words[1:], words[2:], strict=False))

    sets = [grams(text) for text in texts]
    clusters = [{i} for i in range(len(texts))]
    for i, j in combinations(range(len(texts)), 2):
        union = sets[i] | sets[j]
        if not union or len(sets[i] & sets[j]) / len(union) >= threshold:
            left = next(c for c in clusters if i in c)
            right = next(c for c in clusters if j in c)
            if left is not right:
                clusters = [c for c in clusters if c is not left and c is not right] + [left | right]
    return {frozenset(c) for c in clusters}


def as_sets(numbers):
    return {frozenset(i for i, n in enumerate(numbers) if n == number) for number in numbers}


words = st.sampled_from(["the", "envoy", "left", "Arvia", "talks", "on", "Monday", "grain", "again"])
sentences = st.lists(words, max_size=24).map(" ".join)


@st.composite
def edited_texts(draw):
    """Sentences, and copies with a word changed, added or dropped: many pairs near a threshold."""
    texts = draw(st.lists(sentences, min_size=1, max_size=6))
    for source in draw(st.lists(st.sampled_from(texts), max_size=8)):
        edited = source.split()
        position = draw(st.integers(0, len(edited)))
        edited[position : position + draw(st.integers(0, 1))] = draw(st.lists(words, max_size=1))
        texts.append(draw(st.sampled_from(["{}", "{}.", "“{}”"])).format(" ".join(edited)))
    return texts


@settings(max_examples=150, deadline=None)
@given(edited_texts(), st.sampled_from([0.5, 0.7, 0.8, 0.9, 1.0]))
def test_clusters_equal_brute_force(texts, threshold):
    assert as_sets(near_duplicate_clusters(texts, threshold)) == brute_force_clusters(texts, threshold)


def test_hand_counted_similarity():
    left = shingles("The envoy left the talks on Monday.")  # 5 shingles
    right = shingles("the envoy left the talks on Tuesday")  # 5, of which 4 are the same: 4 / 6
    assert jaccard(left, right) == pytest.approx(4 / 6)
    assert jaccard(shingles("..."), shingles("—")) == 1
    assert jaccard(shingles("no"), shingles("...")) == 0


def test_normalised_text_ignores_case_punctuation_and_width():
    assert normalise("“Arvia’s  TROOPS”,\u00a0ｓaid—Bel.") == "arvia s troops said bel"


def test_clusters_are_numbered_by_first_appearance():
    assert near_duplicate_clusters(["b c d", "a", "B, c d!", "", "?"]) == [0, 1, 0, 2, 2]


def test_threshold_too_low_for_minhash_is_refused():
    with pytest.raises(PartystanceError, match=r"0\.05 is too low"):
        near_duplicate_clusters(["a b c d", "a b c e"], 0.05)


def test_groups_join_articles_that_share_a_near_identical_sentence():
    wire = "The envoy of Arvia left the grain talks in the port town late on Monday evening"
    rows = [
        row(1, wire, doc_id="b"),
        row(2, "Something else entirely happened here", doc_id="b"),
        row(3, wire + " again", doc_id="a"),
        row(4, "Nothing of the kind was seen there", doc_id="c"),
        row(5, "A loose sentence without an article"),
        row(6, "A loose sentence, without an article!"),
        row(7, "Two parts of one story", doc_id="d", group="a"),
    ]
    groups = [example.group for example in assign_groups(rows)]
    assert groups[:4] == ["a", "a", "a", "c"]
    assert groups[4] == groups[5] not in {"a", "c"}
    assert groups[6] == "a"


def test_group_names_do_not_depend_on_row_order():
    rows = [*corpus(20), *(row(f"copy{i}", r.text, doc_id=f"z{i}") for i, r in enumerate(corpus(20)[::7]))]
    shuffled = random.Random(1).sample(rows, len(rows))
    by_id = {example.id: example.group for example in assign_groups(rows)}
    assert {example.id: example.group for example in assign_groups(shuffled)} == by_id


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_split_keeps_groups_whole_and_ignores_row_order(seed, shuffler):
    rows = assign_groups(corpus(25, seed))
    splits = split_by_group(rows, FRACTIONS, seed)
    home = {example.id: name for name, part in splits.items() for example in part}
    assert sorted(e.id for part in splits.values() for e in part) == sorted(e.id for e in rows)
    assert all(example.split == name for name, part in splits.items() for example in part)
    for group in {example.group for example in rows}:
        assert len({home[example.id] for example in rows if example.group == group}) == 1
    again = split_by_group(shuffler.sample(rows, len(rows)), FRACTIONS, seed)
    assert {example.id: name for name, part in again.items() for example in part} == home


@pytest.mark.parametrize("seed", range(5))
def test_split_sizes_and_label_shares_are_near_what_was_asked(seed):
    rows = assign_groups(corpus(80, seed))
    splits = split_by_group(rows, FRACTIONS, seed)
    overall = Counter(example.label for example in rows)
    for name, part in splits.items():
        assert len(part) / len(rows) == pytest.approx(FRACTIONS[name], abs=0.03)
        labels = Counter(example.label for example in part)
        for label in LABELS:
            assert labels[label] / len(part) == pytest.approx(overall[label] / len(rows), abs=0.05)


def test_another_seed_gives_another_split():
    rows = assign_groups(corpus(40))
    tests = {frozenset(e.id for e in split_by_group(rows, FRACTIONS, seed)["test"]) for seed in range(4)}
    assert len(tests) == 4


def test_one_huge_group_goes_to_the_largest_split():
    rows = [row(i, f"s{i}", group="huge") for i in range(50)] + [
        row(f"g{i}", f"t{i}", group=f"g{i}") for i in range(50)
    ]
    splits = split_by_group(rows, {"test": 0.2, "train": 0.8}, seed=0)
    assert {example.split for example in splits["train"] if example.group == "huge"} == {"train"}


def test_too_few_groups_is_an_error_that_says_so():
    with pytest.raises(PartystanceError, match=r"no rows for split '\w+': 2 rows in 1 groups cannot fill"):
        split_by_group([row(1, "a b", group="g"), row(2, "c d", group="g")], FRACTIONS, seed=0)


def test_a_group_split_is_clean():
    splits = split_by_group(assign_groups(corpus(40)), FRACTIONS, seed=3)
    report = contamination_report(splits)
    assert report.clean
    assert report.counts() == {"group": 0, "identical": 0, "near-identical": 0}


def test_each_kind_of_leak_is_found_with_its_ids():
    wire = "The envoy of Arvia left the grain talks in the port town late on Monday evening"
    splits = {
        "train": [
            row(1, "One thing", doc_id="a"),
            row(2, "Quite another", doc_id="b"),
            row(3, wire, doc_id="c"),
        ],
        "test": [row(4, "Third thing", doc_id="a"), row(5, "quite ANOTHER!", doc_id="d")],
        "extra": [row(6, wire + " again", doc_id="e"), row(7, wire + " again", doc_id="e")],
    }
    report = contamination_report(splits)
    assert not report.clean
    assert report.counts() == {"group": 1, "identical": 1, "near-identical": 1}
    assert report.ids("train") == {"1", "2", "3"}
    assert report.ids("test") == {"4", "5"}
    assert report.ids("extra") == {"6", "7"}
    assert "group 'a' (train: 1; test: 4)" in map(str, report.leaks)


def test_what_one_split_shares_with_itself_is_no_leak():
    rows = [row(1, "Same words here", doc_id="a"), row(2, "Same words here", doc_id="a")]
    assert contamination_report({"train": rows, "test": [row(3, "Other words there", doc_id="b")]}).clean
