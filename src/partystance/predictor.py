"""A trained model and texts in, stances out: in order, by length, one pass for all parties of a text."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from partystance.encoding import SpanEncoder, answered
from partystance.engines import ENCODER, LIGHT, WEIGHTS, light_kind, load_engine, softmax
from partystance.errors import PartystanceError
from partystance.files import sha256_file
from partystance.holders import AUTHOR_TOKEN, name_holder
from partystance.parties import Registry
from partystance.schema import AUTHOR, LABELS, POLAR, POLAR_INDICES, Example, Mention, Prediction, Stance

Input = Example | Mapping[str, Any] | tuple[str, str, str] | tuple[str, int, int] | tuple[str, str]

Directed = tuple[str, str, str] | tuple[Example, Sequence[Mention]]

RELEASED = "partystance-minilm"
"""The model that ships."""

_CHUNK = 4096  # examples read ahead to be sorted by length: enough for little padding, and memory stays flat


class StanceClassifier:
    """Predicts the stance toward a party in a sentence, and who takes it.

    Example:
        >>> classifier = StanceClassifier()
        >>> (stance,) = classifier.predict([("Arvenia praised ", "Norway", " for its restraint.")])
        >>> stance.label, stance.holder
        ('support', 'Arvenia')

    Args:
        model: a run's folder or a hub id; by default the model that ships. Safetensors, CTranslate2's or
            ONNX's weights only; nothing in it is executed.
        registry: finds the party of `(text, party)` inputs; by default the parties that ship.
        device: cpu, cuda, ...; by default a GPU when PyTorch runs the model and there is one.
        engine: `int8`, `onnx` or `torch`; by default the first that the model has.

    Raises:
        PartystanceError: there is no such folder, it holds no span stance model, or the engine cannot run it.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        registry: Registry | None = None,
        device: str | None = None,
        engine: str | None = None,
    ) -> None:
        folder = _folder(str(model or released()))
        self.engine = load_engine(folder, device, engine)
        self.encoder = SpanEncoder.from_pretrained(folder)
        kind = light_kind(folder)
        weights = WEIGHTS if kind is None or (folder / WEIGHTS).exists() else f"{kind}/{ENCODER[kind]}"
        self.model_id = f"{Path(model).name if model else RELEASED}@{sha256_file(folder / weights)[:12]}"
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.temperature = float(config.get("temperature", 1))
        self._registry = registry

    def predict(
        self, inputs: Iterable[Input], *, batch_tokens: int | None = None, progress: bool = False
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

    def stream(self, examples: Iterable[Example], *, batch_tokens: int | None = None) -> Iterator[Prediction]:
        """Yield one prediction an example, in order, reading ahead only a few thousand: memory stays flat."""
        waiting = iter(examples)
        while chunk := list(islice(waiting, _CHUNK)):
            yield from self._predictions(chunk, batch_tokens)

    def _predictions(self, examples: Sequence[Example], batch_tokens: int | None) -> list[Prediction]:
        found: dict[int, Prediction] = {}
        size, workers = batch_tokens or self.engine.batch_tokens, self.engine.workers
        for window, positions, answer in answered(examples, self.encoder, self.engine, size, workers):
            logits, holders, _ = answer
            probabilities = self._calibrated(logits)
            rows = [examples[position] for position in positions]
            parties = {row.party: span for row, span in zip(rows, window.spans, strict=True)}
            for target, (row, position) in enumerate(zip(rows, positions, strict=True)):
                label = LABELS[int(probabilities[target].argmax())]
                holder, share = "", 0.0
                if label != Stance.NEUTRAL:
                    weights = holders[target, POLAR.index(label)]
                    holder, share = name_holder(weights, window, row.text, parties)
                    holder = holder if holder in parties else self._parties.id_of(holder)
                found[position] = self._prediction(
                    row, probabilities[target], holder, share, window.truncated
                )
        return [found[position] for position in range(len(examples))]

    def toward(self, inputs: Iterable[Directed], *, batch_tokens: int | None = None) -> list[Prediction]:
        """Predict, in order, the stance of *one holder* toward a party: P(stance) times the holder's share.

        Args:
            inputs: `(text, holder, party)`, each an id of the registry or the words as they stand in the
                text, or `author` as the holder; or `(Example, mentions)`: where its text names its holder.
            batch_tokens: tokens of a batch, padding included.

        Returns:
            Predictions with the holder asked about; `p_holder` is their share of the likelier polar stance.

        Raises:
            PartystanceError: a text names its party or holder nowhere.
        """
        asked = [self._directed(value, position) for position, value in enumerate(inputs)]
        examples = [example for example, _ in asked]
        found: dict[int, Prediction] = {}
        size, workers = batch_tokens or self.engine.batch_tokens, self.engine.workers
        for window, positions, answer in answered(examples, self.encoder, self.engine, size, workers):
            logits, holders, _ = answer
            probabilities = self._calibrated(logits)
            for target, position in enumerate(positions):
                example, mentions = asked[position]
                tokens = [AUTHOR_TOKEN] if example.holder == AUTHOR else list(window.tokens_of(mentions))
                shares = holders[target][:, tokens].sum(-1)
                polar = probabilities[target, POLAR_INDICES] * shares
                row = np.full(len(LABELS), 1 - polar.sum())
                np.put(row, POLAR_INDICES, polar)
                share = float(shares[polar.argmax()])
                found[position] = self._prediction(example, row, example.holder, share, window.truncated)
        return [found[position] for position in range(len(asked))]

    def _directed(self, value: Directed, position: int) -> tuple[Example, Sequence[Mention]]:
        try:
            match value:
                case (Example() as example, mentions):
                    return example, mentions
                case (str(text), str(holder), str(party)):
                    example = Example(str(position), text, party, self._mentions(text, party), holder=holder)
                    return example, () if holder == AUTHOR else self._mentions(text, holder)
        except ValueError as error:
            raise PartystanceError(f"input {position}: {error}") from None
        raise PartystanceError(
            f"input {position}: {value!r} is neither (text, holder, party) nor (Example, mentions)"
        )

    def _calibrated(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        return softmax(logits / self.temperature).astype(np.float64)

    def represent(
        self, examples: Sequence[Example], *, batch_tokens: int | None = None, progress: str = ""
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return probabilities (N, 3) and what the head was given for each row (N, 2 H), in one pass.

        Args:
            examples: rows, in any order.
            batch_tokens: tokens of a batch, padding included.
            progress: what a bar is called; empty for none.
        """
        probabilities = np.zeros((len(examples), len(LABELS)))
        features = np.zeros((len(examples), self.engine.width), dtype=np.float32)
        size, workers = batch_tokens or self.engine.batch_tokens, self.engine.workers
        for _, positions, answer in answered(examples, self.encoder, self.engine, size, workers, progress):
            logits, _, represented = answer
            probabilities[positions] = self._calibrated(logits[: len(positions)])
            features[positions] = represented[: len(positions)]
        return probabilities, features

    def _prediction(
        self, example: Example, row: NDArray[np.float64], holder: str, share: float, truncated: bool
    ) -> Prediction:
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
            holder=holder,
            p_holder=round(share, 6),
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

    @cached_property
    def _parties(self) -> Registry:
        return self._registry or Registry.shipped()

    def _mentions(self, text: str, party: str) -> tuple[Mention, ...]:
        """Where the registry, or else the words themselves, find a party in a text."""
        found = [mention for mention in self._parties.find(text) if party in (mention.party, mention.surface)]
        if found:
            return tuple(Mention(mention.start, mention.end, mention.surface) for mention in found)
        start = text.find(party) if party else -1
        if start < 0:
            raise ValueError(f"{party!r} is not mentioned in {text[:80]!r}")
        return (Mention(start, start + len(party), party),)


def released() -> Path:
    """Return the folder of the model that travels in the wheel, or in a checkout that of `models`."""
    folder = Path(__file__).parent / "released"
    return folder if folder.is_dir() else Path(__file__).parents[2] / "models" / RELEASED


def _folder(name: str) -> Path:
    """The local folder of a run, fetched first when `name` is a hub id."""
    path = Path(name)
    if path.is_dir():
        if not (path / WEIGHTS).exists() and light_kind(path) is None:
            kinds = ", ".join(f"{kind}/" for kind in LIGHT)
            raise PartystanceError(f"{path}: no {WEIGHTS}, {kinds}; is this a run that finished training?")
        return path
    looks_like_hub_id = name.count("/") == 1 and not name.startswith((".", os.sep, "models/"))
    if not looks_like_hub_id:
        raise PartystanceError(
            f"{path}: no such folder; train one: python train/finetune.py configs/train/demo.yaml"
        )
    from huggingface_hub import snapshot_download

    try:
        patterns = ["config.json", WEIGHTS, "tokenizer.json", *(f"{kind}/*" for kind in LIGHT)]
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # every failure of the hub client means the same to the user
        raise PartystanceError(
            f"{name}: neither a folder nor reachable on the model hub ({error})"
        ) from error
