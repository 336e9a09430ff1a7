"""DSE's five-way task: a model's answers become relations, and scores equal scikit-learn's."""

import re
from pathlib import Path

import numpy as np
import pytest
import typer
from sklearn.metrics import accuracy_score, f1_score
from typer.testing import CliRunner

from partystance import StanceClassifier
from partystance.labels.dse import read_pairs

TRAIN = Path(__file__).parents[1] / "train"
LINES = (
    "[Norland] accused [Sudland] of cheating.\tNorland\tSudland\t3\n"
    "Praise for the [United Provinces] came from [Mr Bel]’s aides.\tUnited Provinces\tMr Bel\t2\n"
    "[Norland] met [Sudland].\tNorland\tSudland\t0\n"
    "[Sudland] was thanked by [Norland].\tSudland\tNorland\t2\n"
    "[Norland] thanked [Sudland].\tNorland\tSudland\t1\n"
)


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN))
        import evaluate_dse

        yield evaluate_dse


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "valid.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_a_relation_is_its_stance_and_none_in_return(script, tiny_run: Path, pairs: Path) -> None:
    classifier, asked = StanceClassifier(tiny_run), list(read_pairs(pairs))
    likely = script.relations(classifier, asked)
    for row, pair in zip(likely, asked, strict=True):
        first, second = pair.entities
        to_second, to_first = (
            p.probabilities
            for p in classifier.toward(
                [(pair.text, first.surface, second.surface), (pair.text, second.surface, first.surface)]
            )
        )
        raw = np.array(
            [
                to_second[1] * to_first[1],
                to_second[0] * to_first[1],
                to_first[0] * to_second[1],
                to_second[2] * to_first[1],
                to_first[2] * to_second[1],
            ]
        )
        assert row == pytest.approx(raw / raw.sum(), abs=1e-5)


def test_the_scores_equal_scikit_learn(script, tiny_run: Path, pairs: Path) -> None:
    said = script.relations(StanceClassifier(tiny_run), list(read_pairs(pairs))).argmax(1)
    gold = [3, 2, 0, 2, 1]
    printed = run(script, tiny_run, pairs).output
    micro, macro = (float(re.search(rf"{name} +([0-9.]+)", printed)[1]) for name in ("micro-F1", "macro-F1"))  # type: ignore
    assert micro == pytest.approx(accuracy_score(gold, said), abs=5e-4)
    expected = f1_score(gold, said, labels=range(5), average="macro", zero_division=0)
    assert macro == pytest.approx(expected, abs=5e-4)


def test_copies_of_training_are_left_out(script, tiny_run: Path, pairs: Path, tmp_path: Path) -> None:
    train = tmp_path / "train.txt"
    train.write_text(LINES.splitlines()[0] + "\n", encoding="utf-8")
    assert "4 pairs of" in run(script, tiny_run, pairs, "--train", train).output
    nothing = run(script, tiny_run, pairs, "--train", pairs)
    assert (nothing.exit_code, f"no pairs that are not in {pairs}" in nothing.output) == (1, True)


def run(script, *arguments: str | Path):
    app = typer.Typer()
    app.command()(script.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
