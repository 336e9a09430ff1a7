"""A trained model and texts in, stances out: in order, by length, one pass for all parties of a text."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from partystance.errors import PartystanceError
from partystance.files import sha256_file
from partystance.parties import Registry
from partystance.schema import LABELS, Example, Mention, Prediction

try:
    import torch
    from transformers.utils.logging import disable_progress_bar

    from partystance.encoding import BATCH_TOKENS, SpanEncoder, fill_rows
    from partystance.model import SpanStanceModel
except ModuleNotFoundError as error:
    raise PartystanceError(
        f"predicting needs {error.name}: pip install 'partystance[train]' (finding mentions works without)"
    ) from None

Input = Example | Mapping[str, Any] | tuple[str, str, str] | tuple[str, int, int] | tuple[str, str]

_CHUNK = 4096  # examples read ahead to be sorted by length: enough for little padding, and memory stays flat


class StanceClassifier:
    """Predicts the stance toward a party in a sentence.

    Example:
        >>> classifier = StanceClassifier.from_pretrained("models/demo")  # doctest: +SKIP
        >>> classifier.predict([("Arvenia praised ", "Russia", " for its restraint.")])  # doctest: +SKIP

    Args:
        model: the span model.
        encoder: its tokenizer.
        model_id: written beside every prediction.
        registry: finds the party of `(text, party)` inputs; by default the parties that ship.
        device: where to run; by default a GPU when there is one.
    """

    def __init__(
        self,
        model: SpanStanceModel,
        encoder: SpanEncoder,
        model_id: str = "",
        registry: Registry | None = None,
        device: str | None = None,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.to(self.device).eval()  # pyright: ignore[reportArgumentType]
        self.encoder, self.model_id, self._registry = encoder, model_id, registry

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path, *, registry: Registry | None = None, device: str | None = None
    ) -> Self:
        """Load a run's folder, or a hub id. Safetensors only; nothing in the folder is executed.

        Raises:
            PartystanceError: there is no such folder, or it holds no span stance model.
        """
        folder = _folder(str(name_or_path))
        disable_progress_bar()  # of loading the weights, which takes no time
        model = SpanStanceModel.from_pretrained(folder, use_safetensors=True)
        model_id = f"{Path(name_or_path).name}@{sha256_file(folder / 'model.safetensors')[:12]}"
        return cls(model, SpanEncoder.from_pretrained(folder), model_id, registry, device)

    def predict(
        self, inputs: Iterable[Input], *, batch_tokens: int = BATCH_TOKENS, progress: bool = False
    ) -> list[Prediction]:
        """Predict for each input, in order.

        Args:
            inputs: any mix of `(left, mention, right)`, `(text, start, end)`, `(text, party)` (party is an id
                of the registry or the words as they stand in the text), `Example`s, and rows (mappings).
            batch_tokens: tokens of a batch, padding included; it changes speed, not results.
            progress: show a bar.

        Raises:
            PartystanceError: an input has none of these shapes, or does not mention its party.
        """
        examples = [self._example(value, position) for position, value in enumerate(inputs)]
        predictions = self.stream(examples, batch_tokens=batch_tokens)
        return list(tqdm(predictions, total=len(examples), unit="pair", disable=not progress))

    def stream(
        self, examples: Iterable[Example], *, batch_tokens: int = BATCH_TOKENS
    ) -> Iterator[Prediction]:
        """Yield one prediction an example, in order, reading ahead only a few thousand: memory stays flat."""
        waiting = iter(examples)
        while chunk := list(islice(waiting, _CHUNK)):
            probabilities = np.zeros((len(chunk), len(LABELS)))
            truncated = fill_rows(probabilities, chunk, self.encoder, self._probabilities, batch_tokens)
            for example, row, cut in zip(chunk, probabilities, truncated, strict=True):
                yield self._prediction(example, row, cut)

    def represent(
        self, examples: Sequence[Example], *, batch_tokens: int = BATCH_TOKENS, progress: str = ""
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return probabilities (N, 3) and what the head was given for each row (N, 2 H), in one pass.

        Args:
            examples: rows, in any order.
            batch_tokens: tokens of a batch, padding included.
            progress: what a bar is called; empty for none.
        """
        width = len(LABELS) + 2 * self.model.encoder.config.hidden_size
        values = np.zeros((len(examples), width), dtype=np.float32)
        fill_rows(values, examples, self.encoder, self._both, batch_tokens, progress)
        return values[:, : len(LABELS)].astype(np.float64), values[:, len(LABELS) :]

    def _probabilities(self, arrays: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float64]:
        """Probabilities (B, K, 3) of one batch."""
        with torch.inference_mode():
            return self.model(**self._tensors(arrays)).logits.double().softmax(-1).cpu().numpy()

    def _both(self, arrays: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Probabilities and the head's input (B, K, 3 + 2 H) of one batch."""
        with torch.inference_mode():
            represented = self.model.represent(**self._tensors(arrays))
            probabilities = self.model.head(represented).float().softmax(-1)
            return torch.cat([probabilities, represented.float()], dim=-1).cpu().numpy()

    def _tensors(self, arrays: Mapping[str, NDArray[np.int64]]) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    def _prediction(self, example: Example, row: NDArray[np.float64], truncated: bool) -> Prediction:
        support, neutral, criticize = (round(float(value), 6) for value in row)
        return Prediction(
            id=example.id,
            doc_id=example.doc_id,
            sentence_index=example.sentence_index,
            text=example.text,
            mentions=example.mentions,
            party=example.party,
            label=LABELS[int(row.argmax())],
            probabilities=(support, neutral, criticize),
            model_id=self.model_id,
            truncated=bool(truncated),
            sentence_start=example.sentence_start,
            sentence_end=example.sentence_end,
            outlet=example.outlet,
            date=example.date,
            url=example.url,
            title=example.title,
        )

    def _example(self, value: Input, position: int) -> Example:
        """Make an `Example` of any accepted input; `position` becomes the id where there is none."""
        try:
            if isinstance(value, Example):
                return value
            if isinstance(value, Mapping):
                return Example.from_row(value)
            match value:
                case (str(left), str(surface), str(right)):
                    mention = Mention(len(left), len(left) + len(surface), surface)
                    return Example(str(position), left + surface + right, surface, (mention,))
                case (str(text), int(start), int(end)):
                    mention = Mention(start, end, text[start:end])
                    return Example(str(position), text, mention.surface, (mention,))
                case (str(text), str(party)):
                    return Example(str(position), text, party, self._mentions(text, party))
        except ValueError as error:
            raise PartystanceError(f"input {position}: {error}") from None
        raise PartystanceError(
            f"input {position}: {value!r} is none of (left, mention, right), (text, start, end), "
            "(text, party), Example, row"
        )

    def _mentions(self, text: str, party: str) -> tuple[Mention, ...]:
        """Where the registry, or else the words themselves, find a party in a text."""
        if self._registry is None:
            self._registry = Registry.shipped()
        found = [
            mention for mention in self._registry.find(text) if party in (mention.party, mention.surface)
        ]
        if found:
            return tuple(Mention(mention.start, mention.end, mention.surface) for mention in found)
        start = text.find(party) if party else -1
        if start < 0:
            raise ValueError(f"party {party!r} is not mentioned in {text[:80]!r}")
        return (Mention(start, start + len(party), party),)


def _folder(name: str) -> Path:
    """The local folder of a run, fetched first when `name` is a hub id."""
    path = Path(name)
    if path.is_dir():
        if not (path / "model.safetensors").exists():
            raise PartystanceError(f"{path}: no model.safetensors; is this a run that finished training?")
        return path
    looks_like_hub_id = name.count("/") == 1 and not name.startswith((".", os.sep, "models/"))
    if not looks_like_hub_id:
        raise PartystanceError(
            f"{path}: no such folder; train one: python train/finetune.py configs/train/demo.yaml"
        )
    from huggingface_hub import snapshot_download

    try:
        patterns = ["config.json", "model.safetensors", "tokenizer.json"]
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # every failure of the hub client means the same to the user
        raise PartystanceError(
            f"{name}: neither a folder nor reachable on the model hub ({error})"
        ) from error
