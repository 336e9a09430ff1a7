"""The whole chain on real files with a tiny encoder: build, train, evaluate, predict, and its accidents."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from conftest import ARCHITECTURES, save_tiny_encoder

from partystance import StanceClassifier
from partystance.configs import load_config
from partystance.files import write_text
from partystance.minimal_pairs import CHANGES
from partystance.schema import LABELS
from partystance.training import RunConfig

ROOT = Path(__file__).parents[1]
FINETUNE = [sys.executable, "train/finetune.py", "configs/train/demo.yaml"]


def run(*command: object, code: int = 0) -> str:
    """Run a recipe as its user does and return what it prints."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dataset of the first 40 shipped articles: enough to meet everything, and quick."""
    corpus = tmp_path_factory.mktemp("corpus")
    kept: set[str] = set()
    for name in ("data/articles/invented.jsonl", "data/labels/invented.jsonl"):
        rows = [json.loads(line) for line in (ROOT / name).open(encoding="utf-8")]
        kept = kept or {row["doc_id"] for row in rows[:40]}
        write_text(corpus / name, "".join(json.dumps(row) + "\n" for row in rows if row["doc_id"] in kept))
    folder = tmp_path_factory.mktemp("data") / "demo"
    build = [sys.executable, "data/build_dataset.py", "configs/data/demo.yaml"]
    run(*build, f"corpus={corpus}", f"output={folder}")
    return folder


@pytest.fixture(scope="module")
def overrides(dataset: Path, tiny_encoder: Path) -> list[str]:
    settings = ["training.num_train_epochs=2", "max_tokens=96", "frozen_layers=1", "consistency_weight=1"]
    return [f"data={dataset}", f"encoder={tiny_encoder}", *settings]


@pytest.fixture(scope="module")
def trained(overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    run(*FINETUNE, *overrides, f"output={folder}")
    return folder


def test_a_run_holds_exactly_these_files(trained: Path) -> None:
    written = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    events = {name for name in written if name.startswith("tensorboard/events.out.tfevents")}
    assert events
    assert written - events == {
        "README.md",
        "config.json",
        "config.yaml",
        "history.json",
        "manifest.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training_curve.svg",
    }


def test_the_manifest_and_card_tell_what_was_done(trained: Path, overrides: list[str]) -> None:
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["config"] == yaml.safe_load((trained / "config.yaml").read_text())
    assert manifest["config"]["training"]["num_train_epochs"] == 2
    assert set(manifest["inputs"]) == {"train", "validation"}
    assert manifest["sentences_per_s"] > 0
    card = (trained / "README.md").read_text()
    assert manifest["weights_sha256"] in card
    assert f"{manifest['rows']['train']} rows to train on" in card
    history = json.loads((trained / "history.json").read_text())
    best = max(entry["eval_macro_f1"] for entry in history if "eval_macro_f1" in entry)
    assert manifest["validation"]["macro_f1"] == pytest.approx(best)


def test_evaluation_refuses_test_without_final(trained: Path) -> None:
    out = run(sys.executable, "train/evaluate_model.py", trained, "--split", "test", code=2)
    assert "--final" in out


def test_evaluation_and_prediction_follow(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "evaluation"
    run(sys.executable, "train/evaluate_model.py", trained, "--split", "test", "--final", "--out", out)
    written = {path.name for path in out.iterdir()}
    assert written == {"metrics.json", "predictions.parquet", "report.html", "table.txt"}
    table = (out / "table.txt").read_text()
    for system in ("tiny", "majority", "rules", "TF-IDF"):
        assert system in table
    stances = tmp_path / "stances.csv"
    run(sys.executable, "-m", "partystance", "predict", "data/articles/sample.txt",
        "--model", trained, "--out", stances)  # fmt: skip
    assert stances.read_text(encoding="utf-8-sig").count("\n") > 10


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_run_of_every_architecture_is_exported_and_predicts_without_torch(
    architecture: str, trained: Path, dataset: Path, tmp_path: Path
) -> None:
    folder, out = trained, tmp_path / "given"
    if architecture != "bert":
        folder = tmp_path / "run"
        encoder = save_tiny_encoder(tmp_path / "encoder", architecture)
        settings = [
            f"data={dataset}",
            f"encoder={encoder}",
            "training.num_train_epochs=1",
            "max_tokens=96",
            "frozen_layers=1",
        ]
        run(*FINETUNE, *settings, f"output={folder}")
    run(sys.executable, "train/export.py", folder, out, "--made-by", "python train/finetune.py")
    assert (out / ("int8" if architecture in ("bert", "roberta") else "onnx") / "head.safetensors").is_file()
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "| validation |" in card
    assert "| test |" in card
    assert card.startswith("---\n")
    assert "\n| party | rows |" in card
    assert "\n| phenomenon | rows |" in card
    assert "python train/finetune.py" in card
    assert json.loads((out / "config.json").read_text())["temperature"] > 0
    hide = "import sys; sys.modules['torch'] = sys.modules['transformers'] = None; "
    script = hide + "from partystance.cli import main; main()"
    table = run(sys.executable, "-c", script, "predict", "data/articles/sample.txt", "--model", out)
    lines = [line.split("\t") for line in table.splitlines() if line.startswith("sample\t")]
    assert len(lines) > 10
    assert {line[3] for line in lines} <= set(LABELS)


def test_minimal_pairs_are_scored_by_what_differs(trained: Path) -> None:
    lines = run(sys.executable, "train/evaluate_pairs.py", trained).splitlines()
    table = {line.split()[0]: line.split() for line in lines if "%" in line}
    assert table.keys() == {*CHANGES, "all"}
    counted = [int(next(cell for cell in cells if cell.isdigit())) for cells in table.values()]
    assert sum(counted) == 2 * 432
    broken = trained.parent / "pairs.jsonl"
    broken.write_text("{}\n")
    out = run(sys.executable, "train/evaluate_pairs.py", trained, "--pairs", broken, code=1)
    assert f"error: {broken}:1: not a minimal pair" in out


def test_the_same_seed_gives_the_same_weights(trained: Path, overrides: list[str], tmp_path: Path) -> None:
    again = tmp_path / "again"
    run(*FINETUNE, *overrides, f"output={again}")
    assert (again / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_run_resumes_to_the_same_weights(
    trained: Path, overrides: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "resumed"
    command = [*FINETUNE, *overrides, f"output={folder}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 120
    sealed = False
    while not sealed and time.monotonic() < deadline_s and process.poll() is None:
        with suppress(FileNotFoundError):  # a folder made or removed while glob looks
            sealed = any(folder.glob("checkpoints/*/complete.json"))
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("the run was over before it could be interrupted")
    assert process.returncode == 130, errors
    assert "\ninterrupted: run the same command with --resume to go on" in errors
    assert "Traceback" not in errors
    assert not (folder / "manifest.json").exists()
    assert "resuming from" in run(*command, "--resume")
    assert (folder / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


def test_two_processes_train_as_one(trained: Path, overrides: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "two"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    run(*launch, *FINETUNE[1:], *overrides, f"output={folder}", "training.per_device_train_batch_size=8")
    one, two = (json.loads((path / "manifest.json").read_text()) for path in (trained, folder))
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["validation"]["macro_f1"] == pytest.approx(one["validation"]["macro_f1"], abs=0.15)
    assert StanceClassifier(folder).predict([("Norway left.", "norway")])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.learning_rte=1",
            "unknown key 'training.learning_rte' = 1 (did you mean 'learning_rate'?)",
        ),
        ("data=nowhere", "build_dataset.py"),
    ],
)
def test_a_mistyped_config_is_explained(override: str, message: str, tmp_path: Path) -> None:
    out = run(*FINETUNE, override, f"output={tmp_path / 'run'}", code=1)
    assert message in out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "train").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_training_config_loads(path: Path) -> None:
    config = load_config(RunConfig, path)
    assert config.output == Path("models") / path.stem
    assert re.search(rf"python train/finetune.py configs/train/{path.stem}.yaml", path.read_text())


def test_no_recipe_loads_a_pickle() -> None:
    for folder in ("src", "train", "data"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(
                r"import pickle|torch\.load|joblib\.load|trust_remote_code=True", path.read_text()
            ), path


def test_make_help_lists_every_target() -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    listed = set(re.findall(r"^  make (\w+)", run("make", "help"), flags=re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert phony
    assert listed == set(phony[1].split())
