"""The ablation: recipes and sources by name, and no score of a run that was trained on something else."""

import os
from pathlib import Path

import pytest

from partystance.building import write_split
from partystance.engines import WEIGHTS
from partystance.errors import PartystanceError
from partystance.files import sha256_file, write_json
from partystance.schema import Example, Mention

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "train"))
    import ablation

    monkeypatch.setattr(ablation, "RUNS", tmp_path / "runs")
    return ablation


def row(number: int, source: str = "curated", doc_id: str = "inv-1") -> Example:
    text = f"The council met Japan on day {number}."
    return Example(
        id=f"{doc_id}:{number}",
        text=text,
        party="japan",
        mentions=(Mention(16, 21, "Japan"),),
        label="neutral",
        doc_id=doc_id,
        group=doc_id,
        label_source=source,
    )


def done(script, data: Path, stages, rows: list[Example]) -> Path:
    """A run folder as training on `rows` leaves it."""
    folder = script.run_folder(stages, 13)
    folder.mkdir(parents=True)
    write_split(folder / "train.parquet", rows)
    train, validation = folder / "train.parquet", data / "validation.parquet"
    write_json(
        folder / "manifest.json",
        {"inputs": {"train": sha256_file(train), "validation": sha256_file(validation)}},
    )
    (folder / WEIGHTS).write_bytes(b"weights")
    return folder


def test_recipes_and_sources_have_names(script) -> None:
    assert script.recipe("a,b then c") == (("a", "b"), ("c",))
    with_setting = script.recipe("a then b,c,dropout=0.2")
    assert script.sources_of(with_setting[-1]) == ["b", "c"]
    assert script.run_folder(with_setting, 7).name == "a-then-b-c-dropout=0.2-7"
    assert [script.source(one) for one in (row(1), row(2, "dse"), row(3, doc_id="con-401"))] == [
        "invented",
        "dse",
        "contrast",
    ]


def test_a_stage_trains_with_its_own_settings(script) -> None:
    stages = script.recipe("dse then invented,dropout=0.2")
    assert script.training(Path("some.yaml"), stages[:1], 13, 9000) == [
        "train/finetune.py",
        "some.yaml",
        f"data={script.RUNS / 'data' / 'dse'}",
        f"output={script.RUNS / 'dse-13'}",
        "seed=13",
    ]
    assert script.training(Path("some.yaml"), stages, 13, 100)[2:] == [
        f"data={script.RUNS / 'data' / 'invented'}",
        f"output={script.RUNS / 'dse-then-invented-dropout=0.2-13'}",
        "seed=13",
        f"encoder={script.RUNS / 'dse-13'}",
        "training.num_train_epochs=8",
        "dropout=0.2",
    ]


def test_a_run_of_other_rows_or_weights_is_not_scored(script, tmp_path: Path) -> None:
    rows = [row(1), row(2), row(3, "dse")]
    write_split(tmp_path / "validation.parquet", rows[:1])
    first, both = (("dse",),), (("dse",), ("invented",))
    before = done(script, tmp_path, first, rows[2:])
    after = done(script, tmp_path, both, rows[:2])
    os.utime(before / WEIGHTS, (1, 1))
    for stages in (first, both):
        script.finetune(tmp_path, ROOT / "configs/train/news.yaml", stages, rows, 13)  # trains nothing
    os.utime(after / WEIGHTS, (0, 0))
    with pytest.raises(PartystanceError, match=r"dse-then-invented-13 was trained on other rows or weights"):
        script.finetune(tmp_path, ROOT / "configs/train/news.yaml", both, rows, 13)
    with pytest.raises(PartystanceError, match=r"dse-13 was trained on other rows"):
        script.finetune(tmp_path, ROOT / "configs/train/news.yaml", first, [*rows, row(4, "dse")], 13)
