"""The engine without torch says what the model says, whatever the batch; the model that ships is whole."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ARCHITECTURES, save_tiny_encoder
from transformers import AutoTokenizer

from partystance import StanceClassifier
from partystance.encoding import SpanEncoder
from partystance.engines import (
    ENCODER,
    HEAD,
    INT8,
    ONNX,
    Int8Engine,
    OnnxEngine,
    gelu,
    light_kind,
    load_engine,
    softmax,
)
from partystance.errors import PartystanceError
from partystance.files import sha256_file
from partystance.model import SpanStanceModel
from partystance.predictor import released
from partystance.schema import LABELS, Example, Mention
from partystance.torch_engine import TorchEngine

TRAIN = Path(__file__).parents[1] / "train"
TEXTS = [
    "Arvenia accused Russia of shelling the port.",
    "Norway said nothing, and Russia thanked it.",
    "Russia “will not yield”, said the minister, " + "and so on " * 8 + ".",
]


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN))
        from export import write_weights

        write_weights(tiny_run, folder)
    return folder


@pytest.fixture(scope="module", params=ARCHITECTURES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny random run of an architecture, and what export makes of it."""
    root = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(7)
    model = SpanStanceModel.from_encoder(
        str(save_tiny_encoder(root / "encoder", request.param)), max_tokens=48
    )
    model.save_pretrained(root / "run")
    AutoTokenizer.from_pretrained(root / "encoder").save_pretrained(root / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN))
        from export import write_weights

        write_weights(root / "run", root / "exported")
    return root / "run", root / "exported"


def batch(encoder: SpanEncoder, texts: list[str]) -> dict[str, np.ndarray]:
    windows = []
    for text in texts:
        start = text.index("Russia")
        windows += encoder.encode(text, [[Mention(start, start + 6, "Russia")]])
    return encoder.collate(windows)


def test_eight_bits_say_nearly_what_the_model_says(exported: Path, tiny_run: Path) -> None:
    arrays = batch(SpanEncoder.from_pretrained(exported), TEXTS)
    ours, exact = Int8Engine(exported)(arrays), TorchEngine(tiny_run, "cpu")(arrays)
    for small, full in zip(ours, exact, strict=True):
        assert small.shape == full.shape
        assert np.corrcoef(small.ravel(), full.ravel())[0, 1] > 0.99
    assert ours[1].sum(-1) == pytest.approx(np.ones(ours[1].shape[:-1]), abs=1e-5)
    assert np.all(ours[1][:, :, :, :][arrays["attention_mask"][:, None, None].repeat(2, 2) == 0] == 0)


def test_eight_bits_do_not_look_at_the_rest_of_the_batch(exported: Path) -> None:
    encoder, engine = SpanEncoder.from_pretrained(exported), Int8Engine(exported)
    together = engine(batch(encoder, TEXTS))
    for place, text in enumerate(TEXTS):
        alone = engine(batch(encoder, [text]))
        assert together[0][place] == pytest.approx(alone[0][0], abs=1e-5)
        assert together[1][place, :, :, : alone[1].shape[-1]] == pytest.approx(alone[1][0], abs=1e-6)


def test_every_architecture_runs_without_torch(family: tuple[Path, Path]) -> None:
    run, exported = family
    encoder, engine = SpanEncoder.from_pretrained(exported), load_engine(exported)
    known = run.parent.name.startswith(("bert", "roberta"))
    assert type(engine) is (Int8Engine if known else OnnxEngine)
    together, exact = engine(batch(encoder, TEXTS)), TorchEngine(run, "cpu")(batch(encoder, TEXTS))
    for ours, full in zip(together, exact, strict=True):
        assert np.corrcoef(ours.ravel(), full.ravel())[0, 1] > (0.99 if known else 1 - 1e-6)
    for place, text in enumerate(TEXTS):
        alone = engine(batch(encoder, [text]))
        assert together[0][place] == pytest.approx(alone[0][0], abs=1e-5)


def test_onnx_is_read_without_torch_or_transformers(family: tuple[Path, Path]) -> None:
    script = (
        "import sys; from partystance import StanceClassifier; "
        f"p = StanceClassifier({str(family[1])!r}).predict([('Arvenia praised ', 'Norway', '.')]); "
        "assert not {'torch', 'transformers'} & set(sys.modules); print(p[0].label)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() in LABELS


def test_a_target_blind_run_is_not_exported(tiny_encoder: Path, tmp_path: Path) -> None:
    SpanStanceModel.from_encoder(str(tiny_encoder), target_blind=True).save_pretrained(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN))
        from export import write_weights

        with pytest.raises(PartystanceError, match="target-blind"):
            write_weights(tmp_path, tmp_path / "out")


def test_gelu_and_softmax_are_those_of_torch() -> None:
    values = np.linspace(-9, 9, 4001, dtype=np.float32)
    assert gelu(values) == pytest.approx(torch.nn.functional.gelu(torch.from_numpy(values)).numpy(), abs=2e-6)
    scores = np.random.default_rng(3).normal(size=(5, 7)) * 30
    assert softmax(scores) == pytest.approx(torch.from_numpy(scores).softmax(-1).numpy(), abs=1e-12)


def test_the_engine_is_chosen_by_what_the_run_has(exported: Path, tiny_run: Path) -> None:
    assert isinstance(load_engine(exported), Int8Engine)
    assert isinstance(load_engine(exported, engine="torch"), TorchEngine)
    assert isinstance(load_engine(tiny_run), TorchEngine)
    with pytest.raises(PartystanceError, match="int8: cannot be read"):
        load_engine(tiny_run, engine=INT8)


def test_what_cannot_run_is_said(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(PartystanceError, match=r"no engine 'int-8'.*'int8'"):
        load_engine(exported, engine="int-8")
    with pytest.raises(PartystanceError, match="engine 'int8' runs on the CPU alone, not on 'cuda'"):
        load_engine(exported, "cuda", INT8)
    light = tmp_path / "light"
    shutil.copytree(exported, light, ignore=shutil.ignore_patterns("model.safetensors"))
    assert isinstance(load_engine(light), Int8Engine)
    with pytest.raises(PartystanceError, match=r"no model\.safetensors, which PyTorch needs"):
        load_engine(light, engine="torch")


def test_a_broken_file_is_an_error_that_names_it(family: tuple[Path, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(family[1], broken)
    kind = light_kind(broken)
    assert kind is not None
    (broken / kind / ENCODER[kind]).write_bytes(b"nothing")
    with pytest.raises(PartystanceError, match=rf"broken/{kind}: cannot be read"):
        StanceClassifier(broken)


def test_a_missing_onnxruntime_is_named(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(exported / INT8, tmp_path / ONNX)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PartystanceError, match=r"partystance\[onnx\]"):
        load_engine(tmp_path)


# --- the model that ships ---


def test_the_model_that_ships_is_whole_and_small() -> None:
    folder = released()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, digest in manifest["weights_sha256"].items():
        assert sha256_file(folder / name) == digest, name
    assert sum((folder / INT8 / name).stat().st_size for name in ("model.bin", HEAD)) < 25_000_000
    assert all(found["moved_by_batch"] < 0.005 for found in manifest["splits"].values())


def test_the_model_that_ships_reads_plain_sentences_without_torch() -> None:
    script = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
from partystance import StanceClassifier
text = "Kyiv thanked Ankara for the prisoner swap and accused Moscow of hiding ninety medics."
for stance in StanceClassifier().predict([(text, "turkey"), (text, "russia"), (text, "ukraine")]):
    print(stance.party, stance.label, stance.holder)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == [
        "turkey support ukraine",
        "russia criticize ukraine",
        "ukraine neutral ",
    ]


def test_both_weights_of_the_model_that_ships_agree() -> None:
    rows = [
        Example(str(n), text, "russia", (Mention(text.index("Russia"), text.index("Russia") + 6, "Russia"),))
        for n, text in enumerate(TEXTS)
    ]
    small, full = StanceClassifier().predict(rows), StanceClassifier(released(), engine="torch").predict(rows)
    assert [p.label for p in small] == [p.label for p in full]
    for one, other in zip(small, full, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=0.15)
