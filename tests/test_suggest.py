"""`partystance suggest` as its user meets it, and the features it goes by."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer
from typer.testing import CliRunner

from partystance import StanceClassifier
from partystance.cli import app
from partystance.corpus import pairs
from partystance.features import frozen_features
from partystance.parties import Registry
from partystance.schema import LABELS, Article, Example, Mention
from partystance.selection import Cap, diverse_order, take
from partystance.suggestions import Adviser, Pool, Strategy, gather, suggest
from partystance.tables import read_examples, write_rows

SENTENCES = [
    "Norland accused Arvenia of shelling the port of Selm on day {}.",
    "Arvenia thanked Norland for {} crates of medicine.",
    "The ministers of Arvenia met {} times, their aides said.",
    "Nobody claimed the {} drones; Norland and Arvenia both denied that they were theirs.",
]
REGISTRY = """
parties:
  - {id: norland, name: Norland, kind: country}
  - {id: arvenia, name: Arvenia, kind: country}
"""


def run(*arguments: str | Path | int) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["suggest", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """Eight articles with four sentences and seven pairs each: the arguments that name them."""
    folder = tmp_path_factory.mktemp("corpus")
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    articles = [
        {"id": f"a{number}", "text": " ".join(s.format(f"{word} {word}teen {word}ty") for s in SENTENCES)}
        for number, word in enumerate(words)
    ]
    (folder / "articles.jsonl").write_text("".join(json.dumps(a) + "\n" for a in articles))
    (folder / "parties.yaml").write_text(REGISTRY)
    return [folder / "articles.jsonl", "--parties", folder / "parties.yaml"]


@pytest.fixture(scope="module")
def every_pair(corpus: list[str | Path]) -> list[Example]:
    registry = Registry.load(corpus[2])
    lines = Path(corpus[0]).read_text().splitlines()
    articles = [Article(row["id"], row["text"]) for row in map(json.loads, lines)]
    return [pair for article in articles for pair in pairs(article, registry)]


def named(text: str, party: str, label: str = "", **fields: str) -> Example:
    start = text.lower().index(party)
    mention = Mention(start, start + len(party), text[start : start + len(party)])
    return Example(f"{text}:{party}", text, party, (mention,), label, **fields)  # type: ignore[arg-type]


def test_rows_to_label_carry_the_models_suggestion(
    corpus: list[str | Path], every_pair: list[Example], tiny_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "next.csv"
    code, said, err = run(*corpus, "--model", tiny_run, "--n", 10, "--out", out)
    assert code == 0, err
    rows = list(read_examples(out))
    expected = {p.id: p for p in StanceClassifier(tiny_run).predict(every_pair)}
    by_id = {pair.id: pair for pair in every_pair}
    assert len({row.id for row in rows}) == 10
    for row in rows:
        assert row.label == ""
        (annotation,) = row.annotations
        assert annotation.label == expected[row.id].label
        assert annotation.annotator == f"model:{expected[row.id].model_id}"
        assert (row.text, row.mentions) == (by_id[row.id].text, by_id[row.id].mentions)
    assert f"pairs found {len(every_pair)}" in said
    first, second, _ = sorted(expected[rows[0].id].probabilities, reverse=True)
    assert re.search(rf"{rows[0].party}: \w+ {first:.2f} or \w+ {second:.2f}", said)


@pytest.mark.parametrize("strategy", ["mixed", "random", "uncertain"])
def test_the_same_seed_writes_the_same_file(
    corpus: list[str | Path], tiny_run: Path, tmp_path: Path, strategy: str
) -> None:
    outs = [tmp_path / f"{number}.jsonl" for number in range(3)]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        options = ("--strategy", strategy, "--seed", seed, "--n", 8, "--out", out)
        assert run(*corpus, "--model", tiny_run, *options)[0] == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    if strategy == "random":
        assert outs[0].read_bytes() != outs[2].read_bytes()


def test_uncertain_is_the_smallest_margins_that_the_caps_allow(
    corpus: list[str | Path], every_pair: list[Example], tiny_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "next.jsonl"
    options = ("--strategy", "uncertain", "--n", 6, "--per-article", 1, "--out", out)
    assert run(*corpus, "--model", tiny_run, *options)[0] == 0
    predictions = StanceClassifier(tiny_run).predict(every_pair)

    def margin(index: int) -> float:
        second, first = sorted(predictions[index].probabilities)[1:]
        return first - second

    best: dict[str, str] = {}  # of each article its least sure pair, the least sure article first
    for index in sorted(range(len(every_pair)), key=margin):
        best.setdefault(every_pair[index].doc_id, every_pair[index].id)
    assert [row.id for row in read_examples(out)] == list(best.values())[:6]


def test_no_article_and_no_sentence_fills_the_list(
    corpus: list[str | Path], every_pair: list[Example], tiny_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "next.jsonl"
    options = ("--n", 100, "--per-article", 3, "--out", out)
    code, said, _ = run(*corpus, "--model", tiny_run, *options)
    rows = list(read_examples(out))
    assert code == 0
    assert Counter(row.doc_id for row in rows) == {f"a{number}": 3 for number in range(8)}
    assert "fewer than 100: no pairs are left that --per-article 3 allows" in said


def test_labelled_pairs_and_near_copies_are_left_out(
    corpus: list[str | Path], every_pair: list[Example], tiny_run: Path, tmp_path: Path
) -> None:
    labelled, out = tmp_path / "labels.jsonl", tmp_path / "next.jsonl"
    loud = every_pair[0].text.upper().replace("OF", "of") + "!"  # other case and signs: the same words
    known = [named(loud, every_pair[0].party, "neutral"), *every_pair[5:20]]
    write_rows(labelled, (row.to_row() for row in known))
    options = ("--labelled", labelled, "--n", 99, "--per-article", 99, "--out", out)
    code, said, err = run(*corpus, "--model", tiny_run, *options)
    assert code == 0, err
    wanted = {row.id for row in every_pair[1:5] + every_pair[20:]}
    assert {row.id for row in read_examples(out)} == wanted
    assert "16 labelled already, 0 near-copies" in said
    assert "cannot be said yet: 1 labelled rows; it takes 200" in said


def test_a_quick_classifier_learns_from_labelled_rows(
    corpus: list[str | Path], every_pair: list[Example], tmp_path: Path
) -> None:
    labelled, out = tmp_path / "labels.jsonl", tmp_path / "next.jsonl"
    labels = {(0, "arvenia"): "criticize", (0, "norland"): "neutral", (1, "norland"): "support"}
    known = [
        {**pair.to_row(), "label": labels[pair.sentence_index, pair.party]}
        for pair in every_pair
        if pair.doc_id in ("a0", "a1") and (pair.sentence_index, pair.party) in labels
    ]
    write_rows(labelled, known)
    options = ("--labelled", labelled, "--n", 99, "--per-article", 9, "--out", out)
    code, said, err = run(*corpus, "--strategy", "uncertain", *options)
    assert code == 0, err
    rows = list(read_examples(out))
    annotators = {row.annotations[0].annotator for row in rows}
    assert len(annotators) == 1
    assert re.fullmatch(r"model:light@[0-9a-f]{12}", annotators.pop())
    praised = [row for row in rows if row.sentence_index == 1 and row.party == "norland"]
    assert {row.annotations[0].label for row in praised} == {"support"}
    blamed = [row for row in rows if row.sentence_index == 0 and row.party == "arvenia"]
    assert {row.annotations[0].label for row in blamed} == {"criticize"}
    assert len(praised) == len(blamed) == 6
    assert "least sure" in said


def test_without_model_or_labels_rows_are_unlike_each_other(
    corpus: list[str | Path], every_pair: list[Example], tmp_path: Path
) -> None:
    out = tmp_path / "next.jsonl"
    code, said, err = run(*corpus, "--n", 4, "--per-article", 1, "--out", out)
    assert code == 0, err
    rows = list(read_examples(out))
    order = diverse_order(frozen_features(every_pair), 4, seed=13)
    expected = take(order, 4, [Cap([row.doc_id for row in every_pair], 1)])
    assert [row.id for row in rows] == [every_pair[index].id for index in expected]
    assert all(row.annotations == () for row in rows)
    assert "unlike each other" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "next.xlsx"], "next.xlsx"),
        (["--out", "next.csv", "--labelled", "none.jsonl"], "none.jsonl: no such file"),
        (["--out", "next.csv", "--model", "models/none"], "models/none"),
        (["--out", "next.csv", "--strategy", "uncertain"], "--strategy uncertain needs"),
        (["--out", "next.csv", "--column", "text"], "field=column"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    corpus: list[str | Path],
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*corpus, *arguments)
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_when_all_is_labelled_that_is_said(
    corpus: list[str | Path], every_pair: list[Example], tiny_run: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "all.jsonl", (row.to_row() for row in every_pair))
    options = ("--labelled", tmp_path / "all.jsonl", "--out", tmp_path / "next.csv")
    code, _, err = run(*corpus, "--model", tiny_run, *options)
    assert code == 1
    assert f"{len(every_pair)} pairs found, {len(every_pair)} labelled already" in err


def test_the_command_starts_without_torch_and_scikit_learn() -> None:
    code = (
        "import sys, partystance.cli; sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_large_pool_is_sampled_evenly_and_its_counts_stay_whole() -> None:
    stream = [named(f"Norland wrote w{number} x{number} y{number}.", "norland") for number in range(200)]
    seen: Counter[str] = Counter()
    for seed in range(100):
        pool = gather(iter(stream), stream[:50], 30, seed)
        assert (pool.found, pool.labelled, len(pool.examples)) == (200, 50, 30)
        seen.update(row.text for row in pool.examples)
    assert set(seen) == {row.text for row in stream[50:]}
    assert max(seen.values()) < 40  # 20 expected, standard deviation 4


def test_near_copies_of_labelled_rows_are_left_out_for_their_party_only() -> None:
    words = " ".join(f"w{number}" for number in range(30))
    known = named(f"Norland and Arvenia agreed on {words}.", "norland", "neutral")
    stream = [named(f"Norland and Arvenia agreed on {words} today.", p) for p in ("norland", "arvenia")]
    pool = gather(stream, [known], 100, 0)
    assert [row.party for row in pool.examples] == ["arvenia"]
    assert (pool.found, pool.labelled, pool.copies) == (2, 0, 1)


def test_of_one_sentence_and_its_copies_two_pairs_are_chosen_at_most() -> None:
    words = " ".join(f"w{number}" for number in range(30))
    text = f"Norland, Arvenia and Selmia agreed on {words}"
    copies = [named(text + end, p) for end in (".", " now.") for p in ("norland", "arvenia", "selmia")]
    pool = gather(copies, [], 100, 0)
    adviser = Adviser("", lambda rows: (None, np.zeros((len(rows), 4))))
    for seed in range(10):
        chosen = suggest(pool, adviser, Strategy.RANDOM, 6, per_article=9, seed=seed).rows
        assert len(chosen) == 2
        assert chosen[0].party != chosen[1].party


@pytest.mark.parametrize("strategy", list(Strategy))
def test_what_is_said_of_a_row_belongs_to_that_row(strategy: Strategy) -> None:
    rows = [named(f"Norland wrote w{number} x{number} y{number}.", "norland") for number in range(60)]
    probabilities = np.random.default_rng(0).dirichlet([1, 1, 1], size=60)
    place = {row.id: index for index, row in enumerate(rows)}
    pool = Pool(rows, list(range(60)), 60, 0, 0)

    def read(asked: list[Example]) -> tuple[np.ndarray, np.ndarray]:
        own = [place[row.id] for row in asked]
        return probabilities[own], np.eye(60)[own]

    chosen = suggest(pool, Adviser("model:x", read), strategy, 12, per_article=99, seed=0)
    assert chosen.margins is not None
    for row, margin in zip(chosen.rows, chosen.margins, strict=True):
        own = probabilities[place[row.id]]
        assert row.annotations[0].label == LABELS[int(own.argmax())]
        assert margin == pytest.approx(np.sort(own)[2] - np.sort(own)[1])


@pytest.fixture(scope="module")
def by_hand(tiny_encoder: Path) -> Callable[[Example], np.ndarray]:
    """Mean state of the mention's tokens and of all tokens, by transformers' own tokenizer."""
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_encoder), AutoModel.from_pretrained(tiny_encoder)

    def features(row: Example) -> np.ndarray:
        encoded = tokenizer(row.text, return_tensors="pt", return_offsets_mapping=True)
        offsets = encoded.pop("offset_mapping")[0].tolist()
        inside = [any(start < m.end and m.start < end for m in row.mentions) for start, end in offsets]
        with torch.inference_mode():
            hidden = model(**encoded).last_hidden_state[0]
        return torch.cat([hidden[inside].mean(0), hidden.mean(0)]).numpy()

    return features


def test_frozen_features_are_the_means_of_mention_and_sentence(
    every_pair: list[Example], tiny_encoder: Path, by_hand: Callable[[Example], np.ndarray]
) -> None:
    features = frozen_features(every_pair, str(tiny_encoder))
    for row, found in zip(every_pair, features, strict=True):
        assert found == pytest.approx(by_hand(row), abs=1e-5)


def test_a_model_says_what_it_says_elsewhere_and_shows_what_its_head_saw(
    every_pair: list[Example], tiny_run: Path
) -> None:
    classifier = StanceClassifier(tiny_run)
    probabilities, features = classifier.represent(every_pair)
    expected = [p.probabilities for p in classifier.predict(every_pair)]
    assert probabilities == pytest.approx(np.array(expected), abs=1e-5)
    with torch.inference_mode():
        again = classifier.engine.model.head(torch.from_numpy(features)).softmax(-1).numpy()
    assert probabilities == pytest.approx(again, abs=1e-5)
