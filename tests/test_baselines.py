"""The baselines on invented sentences whose stance is in the words beside the mention."""

import random
from pathlib import Path

import numpy as np
import pytest
import typer
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from partystance.building import write_split
from partystance.errors import PartystanceError
from partystance.schema import LABELS, Example, Mention

TRAIN = Path(__file__).parents[1] / "train"
VERBS = {
    "support": ["praised", "thanked", "defended"],
    "criticize": ["condemned", "accused", "denounced"],
    "neutral": ["met", "called", "visited"],
}
PARTIES = {"Norway": "norway", "Japan": "japan", "Kenya": "kenya", "NATO": "nato"}


@pytest.fixture(scope="module")
def baselines():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN))
        import baselines

        yield baselines


def example(text: str, surface: str, label: str, number: int = 0) -> Example:
    mention = Mention(text.index(surface), text.index(surface) + len(surface), surface)
    party = PARTIES.get(surface, surface.lower())
    article = f"a{number // 3}"
    return Example(
        f"{article}:{number}:{party}", text, party, (mention,), label, article, number,
        label_source="curated", group=article,
    )  # fmt: skip


def invented(count: int, seed: int) -> list[Example]:
    """`A praised B and condemned C`-like sentences: the same words, another party, another stance."""
    draw, rows = random.Random(seed), []
    for number in range(count):
        one, other = draw.sample(sorted(PARTIES), 2)
        first, second = draw.choices(LABELS, k=2)
        verbs = draw.choice(VERBS[first]), draw.choice(VERBS[second])
        text = f"On day {number + seed} the Arvenian envoy {verbs[0]} {one} and {verbs[1]} {other}."
        rows.append(example(text, one, first, number))
        rows.append(example(text, other, second, number))
    return rows


def test_majority_equals_scikit_learn(baselines) -> None:
    train, rows = invented(40, 1), invented(5, 2)
    expected = DummyClassifier(strategy="prior").fit(np.zeros((80, 1)), baselines.gold(train))
    found = baselines.Majority.fit(train, []).predict_proba(rows)
    assert found == pytest.approx(expected.predict_proba(np.zeros((10, 1))))


def test_majority_knows_a_label_it_never_saw(baselines) -> None:
    rows = [example("The envoy met Norway.", "Norway", "neutral")]
    assert baselines.Majority.fit(rows, rows).predict_proba(rows).tolist() == [[0, 1, 0]]


def test_rules_tell_the_parties_of_a_sentence_apart(baselines) -> None:
    text = "Norway condemned Japan."
    rows = [example(text, "Japan", "criticize"), example(text, "Norway", "neutral")]
    found = baselines.Rules.fit([], []).predict_proba(rows)
    assert [LABELS[i] for i in found.argmax(1)] == ["criticize", "neutral"]
    assert sorted(found[0].tolist()) == [0, 0, 1]


def test_words_beside_the_mention_decide(baselines) -> None:
    train, validation, rows = invented(150, 1), invented(30, 2), invented(40, 3)
    model = baselines.BagOfWords.fit(train, validation)
    probabilities = model.predict_proba(rows)
    assert probabilities.sum(1) == pytest.approx(1)
    assert (
        probabilities.argmax(1) == baselines.gold(rows)
    ).mean() > 0.9  # without sides it is a coin's throw


def test_strength_is_the_best_on_validation_rows(baselines, monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = invented(40, 1), invented(40, 2)
    chosen = baselines.BagOfWords.fit(train, validation).classifier.C
    macro_f1 = {}
    for strength in baselines.STRENGTHS:
        monkeypatch.setattr(baselines, "STRENGTHS", (strength,))
        said = baselines.BagOfWords.fit(train, validation).predict_proba(validation).argmax(1)
        macro_f1[strength] = f1_score(baselines.gold(validation), said, average="macro")
    assert len(set(macro_f1.values())) > 1
    assert macro_f1[chosen] == max(macro_f1.values())


def test_a_label_that_train_lacks_has_probability_nought(baselines) -> None:
    train = [row for row in invented(40, 1) if row.label != "support"]
    assert (baselines.BagOfWords.fit(train, invented(5, 2)).predict_proba(invented(5, 3))[:, 0] == 0).all()


def test_one_label_is_nothing_to_learn(baselines) -> None:
    rows = [example("The envoy met Norway.", "Norway", "neutral")] * 3
    with pytest.raises(PartystanceError, match="nothing to learn"):
        baselines.BagOfWords.fit(rows, rows)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    for number, (split, size) in enumerate({"train": 60, "validation": 20, "test": 20}.items()):
        write_split(folder / f"{split}.parquet", invented(size, 1000 * number))
    return folder


def run(baselines, *arguments: object):
    app = typer.Typer()
    app.command()(baselines.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_prints_a_line_a_baseline(baselines, dataset: Path) -> None:
    result = run(baselines, dataset, "--split", "validation")
    assert result.exit_code == 0, result.output
    assert [line[:28].rstrip() for line in result.stdout.splitlines()[1:]] == list(baselines.BASELINES)


def test_held_out_split_needs_final(baselines, dataset: Path) -> None:
    refused = run(baselines, dataset, "--split", "test")
    assert refused.exit_code == 2
    assert "--final" in refused.stderr
    assert run(baselines, dataset, "--split", "test", "--final").exit_code == 0


def test_missing_split_names_those_there(baselines, dataset: Path) -> None:
    result = run(baselines, dataset, "--split", "dev", "--final")
    assert result.exit_code == 1
    assert "test, train, validation" in result.stderr
    assert "Traceback" not in result.output
    assert "build it" in run(baselines, dataset / "nothing", "--split", "train").stderr
