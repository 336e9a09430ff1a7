"""Aggregation against a plain EM and annotators of known quality; soft labels from the file to the loss."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer
from typer.testing import CliRunner

from partystance.aggregation import Method, aggregate, dawid_skene, majority
from partystance.building import write_split
from partystance.cli import app
from partystance.encoding import SpanEncoder
from partystance.errors import PartystanceError
from partystance.metrics import brier
from partystance.model import SpanStanceOutput
from partystance.ratings import MISSING, Ratings
from partystance.schema import Annotation, Example, Mention
from partystance.tables import FORMATS, read_examples, read_rows, write_rows
from partystance.training import IGNORED, Collator, RunConfig, StanceLoss, TrainingBlock, TrainingWindows

ROOT = Path(__file__).parents[1]


def simulated(accuracies, rows=400, seed=1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.choice(3, size=rows, p=[0.1, 0.75, 0.15])
    wrong = (true[:, None] + random.integers(1, 3, size=(rows, len(accuracies)))) % 3
    labels = np.where(random.random(wrong.shape) < accuracies, true[:, None], wrong)
    return true, np.where(random.random(labels.shape) < 0.1, MISSING, labels)


def plain_em(labels: np.ndarray, rounds: int) -> np.ndarray:
    """Dawid and Skene (1979), row by row, as their paper writes it."""
    p = majority(labels)
    for _ in range(rounds):
        prior = p.mean(0)
        errors = np.full((labels.shape[1], 3, 3), 1e-10)
        for row, said in enumerate(labels):
            for annotator, label in enumerate(said):
                if label != MISSING:
                    errors[annotator, :, label] += p[row]
        errors /= errors.sum(2, keepdims=True)
        for row, said in enumerate(labels):
            likelihood = prior.copy()
            for annotator, label in enumerate(said):
                if label != MISSING:
                    likelihood *= errors[annotator, :, label]
            p[row] = likelihood / likelihood.sum()
    return p


def test_majority_counts_heads() -> None:
    labels = np.array([[0, 0, 2], [1, MISSING, 2], [MISSING, MISSING, 2]])
    assert majority(labels) == pytest.approx(np.array([[2 / 3, 0, 1 / 3], [0, 0.5, 0.5], [0, 0, 1]]))


def test_dawid_skene_equals_a_plain_em() -> None:
    _, labels = simulated((0.9, 0.8, 0.6))
    labels = labels[(labels != MISSING).any(1)]
    assert dawid_skene(labels) == pytest.approx(plain_em(labels, 100), abs=0.02)


def test_dawid_skene_finds_out_who_is_careful() -> None:
    true, labels = simulated((0.9, 0.8, 0.7, 0.6, 1 / 3))
    counted, weighed = majority(labels), dawid_skene(labels)
    assert (weighed.argmax(1) == true).mean() > (counted.argmax(1) == true).mean() + 0.05
    assert brier(true, weighed) < brier(true, counted) / 2


def test_names_of_classes_do_not_matter() -> None:
    names = [2, 0, 1]
    _, labels = simulated((0.9, 0.8, 0.6), rows=60, seed=3)
    labels = labels[(labels != MISSING).any(1)]
    renamed = np.append(names, MISSING)[labels]
    assert dawid_skene(renamed)[:, names] == pytest.approx(dawid_skene(labels), abs=1e-6)


def test_a_class_that_nobody_used_has_no_probability() -> None:
    labels = np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0]])
    assert dawid_skene(labels)[:, 2].tolist() == [0, 0, 0]


# --- rows ---

TEXT = "Norland thanked Arvenia."


def row(number: int, *labels: str, holders=(), **fields) -> Example:
    holders = holders or [""] * len(labels)
    said = tuple(Annotation(f"a{i}", *both) for i, both in enumerate(zip(labels, holders, strict=True)))
    text = f"{number}: {TEXT}"
    start = text.index("Arvenia")
    mentions = (Mention(start, start + 7, "Arvenia"),)
    return Example(f"r{number}", text, "arvenia", mentions, annotations=said, doc_id=f"d{number}", **fields)


def test_the_row_tells_the_winner_its_holder_and_how_sure_it_is() -> None:
    rows = (
        row(1, "support", "support", "neutral", holders=("norland", "norland", ""), label="criticize"),
        row(2, "neutral", "neutral", "support", holders=("", "", "norland"), voice="author", mixed=True),
        row(3, "support", "neutral", label="support", holder="norland"),
        row(4, label="criticize", holder="norland"),
        row(5, "support", "support", holders=("x", "norland"), voice="reported", mixed=True),
    )
    result = aggregate(Ratings(rows, ("a0", "a1", "a2")), Method.MAJORITY)
    first, second, third, fourth, fifth = result.rows
    assert (first.label, first.holder) == ("support", "norland")
    assert first.probabilities == pytest.approx((2 / 3, 1 / 3, 0))
    assert (second.label, second.holder, second.voice, second.mixed) == ("neutral", "", "", True)
    assert (third.label, third.holder, third.probabilities) == ("", "", (0.5, 0.5, 0))
    assert fourth == rows[3]
    assert (fifth.voice, fifth.mixed) == ("reported", False)
    assert (result.ties, result.untouched, result.changed) == (1, 1, 1)
    assert result.agreeing == {"a0": (4, 3), "a1": (4, 3), "a2": (2, 0)}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("method", ["majority", "dawid-skene"])
def test_the_command_writes_rows_that_come_back(suffix: str, method: str, tmp_path: Path) -> None:
    rows = [row(i, "support", "support", "neutral") for i in range(5)]
    rows += [row(i, "neutral", "neutral", "neutral") for i in range(5, 20)] + [row(20, label="criticize")]
    write_rows(tmp_path / "in.jsonl", [one.to_row() for one in rows])
    out = tmp_path / f"out{suffix}"
    arguments = ["aggregate", str(tmp_path / "in.jsonl"), "--out", str(out), "--method", method]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "20 rows settled" in result.stdout
    back = list(read_examples(out))
    assert [one.label for one in back] == ["support"] * 5 + ["neutral"] * 15 + ["criticize"]
    assert all(sum(one.probabilities or ()) == pytest.approx(1) for one in back[:20])
    assert back[20].probabilities is None
    assert [one.annotations for one in back] == [one.annotations for one in rows]


def test_two_annotators_are_too_few_for_dawid_skene(tmp_path: Path) -> None:
    write_rows(tmp_path / "in.jsonl", [row(i, "support", "neutral").to_row() for i in range(3)])
    arguments = ["aggregate", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "o.csv")]
    result = CliRunner().invoke(app, [*arguments, "--method", "dawid-skene"])
    assert result.exit_code == 0
    assert "with 2 annotators dawid-skene cannot tell who is right" in result.stderr
    assert "3 ties left" in CliRunner().invoke(app, arguments).stdout


def test_without_crowd_kit_the_error_says_what_to_install(tmp_path: Path) -> None:
    write_rows(tmp_path / "in.jsonl", [row(1, "support", "neutral").to_row()])
    hidden = "import sys; sys.modules['crowdkit'] = None; from partystance.cli import main; main()"
    command = [sys.executable, "-c", hidden, "aggregate", "in.jsonl", "--out", "o.csv", "--method"]
    done = subprocess.run(
        [*command, "dawid-skene"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'partystance[crowd]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o.csv").exists()


def test_the_commands_need_no_heavy_package_to_start() -> None:
    check = (
        "import sys, partystance.cli; heavy = {'crowdkit', 'pandas', 'sklearn', 'torch', 'nltk'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"p_support": 0.5, "p_neutral": 0.5}, "'p_criticize' is missing: give all three or none"),
        ({"p_support": 0.5, "p_neutral": 0.5, "p_criticize": 0.5}, "add up to 1.5"),
        ({"p_support": -0.5, "p_neutral": 1, "p_criticize": 0.5}, "'p_support' is -0.5, not a probability"),
    ],
)
def test_probabilities_are_checked(columns: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Example.from_row(row(1).to_row() | columns)


def test_a_built_split_carries_soft_labels(tmp_path: Path) -> None:
    rows = [row(1, label="support", probabilities=(0.7, 0.2, 0.1)), row(2, label="neutral")]
    write_split(tmp_path / "train.parquet", rows)
    assert [one.probabilities for one in read_examples(tmp_path / "train.parquet")] == [(0.7, 0.2, 0.1), None]
    assert pq.read_schema(tmp_path / "train.parquet").field("p_support").type == "double"
    assert next(iter(read_rows(tmp_path / "train.parquet")))["p_neutral"] == 0.2


# --- the loss ---


@pytest.mark.parametrize("weights", [None, [3.0, 0.5, 1.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_of_one_hot_soft_labels_equals_the_hard_loss(weights, smoothing) -> None:
    torch.manual_seed(3)
    outputs = SpanStanceOutput(logits=torch.randn(4, 2, 3), holder_shares=torch.randn(4, 2, 2))
    hard = torch.tensor([[0, 1], [2, IGNORED], [1, 1], [0, IGNORED]])
    soft = torch.eye(3)[hard.clamp(min=0)]
    soft[hard == IGNORED] = IGNORED
    loss = StanceLoss(weights, smoothing, 0.3)
    assert float(loss(outputs, soft)) == pytest.approx(float(loss(outputs, hard)), abs=1e-6)
    parts = float(loss(outputs, soft, soft.ne(IGNORED).sum()))  # as the Trainer counts
    assert parts == pytest.approx(float(loss(outputs, hard, hard.ne(IGNORED).sum())), abs=1e-6)


def test_loss_of_soft_labels_by_hand() -> None:
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25]]]))
    outputs = SpanStanceOutput(logits=logits, holder_shares=torch.full((1, 1, 2), -1e9))
    loss = StanceLoss(None, 0.0, 0.3)(outputs, torch.tensor([[[0.5, 0.5, 0.0]]]))
    assert float(loss) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(4), abs=1e-6)


def test_soft_windows_have_probabilities_and_a_row_without_is_sure(tiny_encoder: Path) -> None:
    text = "Arvenia praised Norway and Iran."
    rows = [
        Example("1", text, "norway", (Mention(16, 22, "Norway"),), "support", probabilities=(0.6, 0.3, 0.1)),
        Example("2", "Iran left.", "iran", (Mention(0, 4, "Iran"),), "neutral"),
        Example("3", text, "iran", (Mention(27, 31, "Iran"),), "criticize"),
    ]
    encoder = SpanEncoder(Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")), 64)
    labels = Collator(encoder)(list(TrainingWindows(rows, encoder, soft=True)))["labels"]
    expected = [[[0.6, 0.3, 0.1], [0, 0, 1]], [[0, 1, 0], [IGNORED] * 3]]
    assert labels.numpy() == pytest.approx(np.array(expected))
    assert [item["labels"] for item in TrainingWindows(rows, encoder)] == [[0, 2], [1]]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of which every one is sure of its label."""
    folder = tmp_path_factory.mktemp("soft")
    rows = []
    for i in range(48):
        label = ("support", "neutral", "criticize")[i % 3]
        rows.append(row(i, label=label, probabilities=tuple(float(i % 3 == j) for j in range(3))))
    write_split(folder / "train.parquet", rows[:36])
    write_split(folder / "validation.parquet", rows[36:])
    return folder


def test_training_on_sure_soft_labels_gives_the_model_of_hard_ones(
    dataset: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load_file

    monkeypatch.syspath_prepend(str(ROOT / "train"))
    finetune = runpy.run_path(str(ROOT / "train" / "finetune.py"))["finetune"]
    common = {"data": dataset, "encoder": str(tiny_encoder), "max_tokens": 32}
    block = TrainingBlock(num_train_epochs=1, report_to=[])
    for name, soft in (("hard", False), ("soft", True)):
        config = RunConfig(**common, output=tmp_path / name, soft_labels=soft, training=block)
        finetune(config, resume=False)
    hard, soft = (load_file(tmp_path / name / "model.safetensors") for name in ("hard", "soft"))
    for name, weights in hard.items():
        assert soft[name] == pytest.approx(weights, abs=2e-5), name


def test_soft_labels_must_be_there(tiny_encoder: Path) -> None:
    encoder = SpanEncoder(Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")), 64)
    with pytest.raises(PartystanceError, match="no row has p_support, p_neutral, p_criticize"):
        TrainingWindows([row(1, label="support")], encoder, soft=True)
