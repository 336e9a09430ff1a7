"""The span model: padding and neighbours change nothing, saving loses nothing, every architecture fits."""

from pathlib import Path

import pytest
import torch
from conftest import ARCHITECTURES, save_tiny_encoder
from tokenizers import Tokenizer
from transformers import AutoModel

from partystance.encoders import MINILM, MINILM_PACKAGE, encoder_path
from partystance.encoding import SpanEncoder
from partystance.errors import PartystanceError
from partystance.model import SpanStanceModel, is_run
from partystance.schema import LABELS, Mention

TEXT = "Arvenia accused Russia of shelling the port and praised Norway."
TARGETS = [[Mention(16, 22, "Russia")], [Mention(56, 62, "Norway")]]


def batch(encoder: SpanEncoder, texts: list[str]) -> dict[str, torch.Tensor]:
    windows = [window for text in texts for window in encoder.encode(text, TARGETS)]
    return {name: torch.from_numpy(array) for name, array in encoder.collate(windows).items()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_trains_saves_and_reloads(architecture: str, tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path / "encoder", architecture)
    model = SpanStanceModel.from_encoder(str(folder))
    encoder = SpanEncoder(Tokenizer.from_file(str(folder / "tokenizer.json")), 64)
    inputs = batch(encoder, [TEXT, TEXT + " So it goes."])
    holders = torch.zeros_like(inputs["target_mask"])
    holders[:, :, 0] = 1
    output = model(**inputs, holder_mask=holders, labels=torch.tensor([[2, 0], [2, -100]]))
    assert output.logits.shape == (2, 2, len(LABELS))
    (output.loss - output.holder_shares.sum()).backward()
    without_gradient = [name for name, p in model.named_parameters() if p.grad is None]
    assert without_gradient == []  # data-parallel training insists on it

    model.eval()
    model.save_pretrained(tmp_path / "saved")
    again = AutoModel.from_pretrained(tmp_path / "saved")
    assert isinstance(again, SpanStanceModel)
    with torch.inference_mode():
        assert torch.equal(model(**inputs).logits, again(**inputs).logits)
    assert str(folder) not in (tmp_path / "saved" / "config.json").read_text()


def test_pretrained_weights_arrive_in_the_span_model(tiny_encoder: Path) -> None:
    pretrained = AutoModel.from_pretrained(tiny_encoder).state_dict()
    ours = SpanStanceModel.from_encoder(str(tiny_encoder)).encoder.state_dict()
    assert {name for name in pretrained if "pooler" not in name} == set(ours)
    assert all(torch.equal(value, pretrained[name]) for name, value in ours.items())


def test_span_vector_is_the_mean_of_the_mention_tokens(tiny_encoder: Path) -> None:
    model = SpanStanceModel.from_encoder(str(tiny_encoder)).eval()
    encoder = SpanEncoder(Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")), 64)
    inputs = batch(encoder, [TEXT])
    with torch.inference_mode():
        hidden = model.encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state[0]
        (window,) = encoder.encode(TEXT, TARGETS)
        by_hand = torch.cat([hidden[list(window.spans[1])].mean(0), hidden[0]])
        assert torch.allclose(model.head(by_hand), model(**inputs).logits[0, 1], atol=1e-6)


def test_target_blind_gives_all_targets_of_a_sentence_the_same_score(tiny_encoder: Path) -> None:
    encoder = SpanEncoder(Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")), 64)
    inputs = batch(encoder, [TEXT])
    blind = SpanStanceModel.from_encoder(str(tiny_encoder), target_blind=True).eval()
    seeing = SpanStanceModel.from_encoder(str(tiny_encoder)).eval()
    with torch.inference_mode():
        first, second = blind(**inputs).logits[0]
        assert torch.allclose(first, second, atol=1e-6)
        first, second = seeing(**inputs).logits[0]
        assert not torch.allclose(first, second, atol=1e-4)


def test_a_repackaged_encoder_with_other_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / MINILM_PACKAGE
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('never imported')")
    (package / "model" / "model.safetensors").write_bytes(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PartystanceError, match="not the official"):
        encoder_path(MINILM)


def test_the_packaged_encoder_is_the_official_one() -> None:
    assert (Path(encoder_path(MINILM)) / "tokenizer.json").exists()


def test_a_run_is_told_from_an_encoder(tiny_encoder: Path, tiny_run: Path, tmp_path: Path) -> None:
    assert is_run(tiny_run)
    assert not is_run(tiny_encoder)
    assert not is_run(tmp_path / "nowhere")
    on = SpanStanceModel.from_pretrained(tiny_run, dropout=0.3, max_tokens=30)
    assert (on.config.dropout, on.config.max_tokens) == (0.3, 30)
    assert torch.equal(on.head[1].weight, SpanStanceModel.from_pretrained(tiny_run).head[1].weight)
