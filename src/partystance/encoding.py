"""From a sentence and its targets to token ids and spans: the only place where a party is marked in a text.

Nothing is inserted into the text. A target is the set of tokens that overlap its mentions by character
offsets, so one encoder pass over a sentence serves every party in it, and any tokenizer that reports
offsets will do.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tqdm import tqdm

from partystance.errors import PartystanceError
from partystance.schema import Example, Mention

MAX_TOKENS = 160
"""Sentences longer than this are cut around the mention; about four times a news sentence's usual length."""

BATCH_TOKENS = 4096
"""Tokens of a batch, padding included, for PyTorch. Larger ones gain nothing on a CPU."""

_CHARS_PER_TOKEN = 16  # no alphabet's tokens are longer on average; bounds the work on a monstrous "sentence"


@dataclass(frozen=True, slots=True)
class Window:
    """What the encoder reads of one sentence: all of it, or the part around one target.

    `targets` are positions in the sequence of targets given to `SpanEncoder.encode`; `spans[i]` are the
    token positions, special tokens counted, of the mentions of `targets[i]` (never empty). `offsets` are
    the characters of the sentence that each token stands for, end exclusive; (0, 0) for a special token.
    """

    input_ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    targets: tuple[int, ...]
    spans: tuple[tuple[int, ...], ...]
    truncated: bool = False

    def tokens_of(self, mentions: Sequence[Mention]) -> tuple[int, ...]:
        """Return the positions of the tokens that share a character with a mention; empty when none does."""
        return tuple(_overlapping(self.offsets, mentions))


class SpanEncoder:
    """Turns sentences with targets into `Window`s, and windows into padded batches.

    Args:
        tokenizer: any fast tokenizer; its own truncation and padding are switched off.
        max_tokens: the longest window, special tokens included.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int = MAX_TOKENS) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer, self.max_tokens = tokenizer, max_tokens
        self.prefix, self.suffix = _special_tokens(tokenizer)
        self.room = max_tokens - len(self.prefix) - len(self.suffix)
        if self.room < 1:
            raise PartystanceError(f"max_tokens={max_tokens} leaves no room for text; use at least 16")
        self.pad_id = _pad_id(tokenizer)

    @classmethod
    def from_pretrained(cls, directory: Path | str, max_tokens: int | None = None) -> Self:
        """Read `tokenizer.json` (and `max_tokens` from `config.json` when it is not given)."""
        folder = Path(directory)
        if max_tokens is None:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            max_tokens = int(config.get("max_tokens", MAX_TOKENS))
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), max_tokens)

    def encode(self, text: str, targets: Sequence[Sequence[Mention]]) -> list[Window]:
        """Encode one sentence for all its targets.

        Args:
            text: the sentence.
            targets: for each target, its mentions in `text`, at least one.

        Returns:
            One window that serves every target where the sentence fits; else one window a target, cut around
            its first mention, marked `truncated`.
        """
        if len(text) <= self.room * _CHARS_PER_TOKEN:
            encoding = self.tokenizer.encode(text, add_special_tokens=False)
            if len(encoding.ids) <= self.room:
                spans = tuple(self._span(encoding.offsets, mentions) for mentions in targets)
                everything = tuple(range(len(targets)))
                return [self._window(encoding.ids, encoding.offsets, everything, spans, truncated=False)]
        return [self._cut(text, mentions, position) for position, mentions in enumerate(targets)]

    def encode_rows(self, examples: Sequence[Example]) -> Iterator[tuple[Window, list[int]]]:
        """Encode rows, those of one text together.

        Yields:
            Windows, and for each of a window's spans the position of its row among `examples`.
        """
        texts: dict[str, list[int]] = {}
        for position, example in enumerate(examples):
            texts.setdefault(example.text, []).append(position)
        for text, positions in texts.items():
            for window in self.encode(text, [examples[position].mentions for position in positions]):
                yield window, [positions[target] for target in window.targets]

    def _cut(self, text: str, mentions: Sequence[Mention], position: int) -> Window:
        """The window around the first mention: as many tokens before it as after it, where there are."""
        margin = self.room * _CHARS_PER_TOKEN
        first = mentions[0]
        left = max(0, first.start - margin)
        encoding = self.tokenizer.encode(text[left : first.end + margin], add_special_tokens=False)
        offsets = [(start + left, end + left) for start, end in encoding.offsets]
        centre = _overlapping(offsets, [first]) or [_nearest(offsets, first)]
        spare = max(0, self.room - len(centre))
        start = max(0, min(centre[0] - spare // 2, len(offsets) - self.room))
        kept = slice(start, start + self.room)
        spans = (self._span(offsets[kept], mentions),)
        return self._window(encoding.ids[kept], offsets[kept], (position,), spans, truncated=True)

    def _span(self, offsets: Sequence[tuple[int, int]], mentions: Sequence[Mention]) -> tuple[int, ...]:
        tokens = _overlapping(offsets, mentions) or [_nearest(offsets, mentions[0])]
        return tuple(token + len(self.prefix) for token in tokens)

    def _window(
        self,
        ids: Sequence[int],
        offsets: Sequence[tuple[int, int]],
        targets: tuple[int, ...],
        spans: tuple[tuple[int, ...], ...],
        truncated: bool,
    ) -> Window:
        nowhere = (0, 0)
        padded = (*[nowhere] * len(self.prefix), *offsets, *[nowhere] * len(self.suffix))
        return Window((*self.prefix, *ids, *self.suffix), padded, targets, spans, truncated)

    def collate(self, windows: Sequence[Window]) -> dict[str, NDArray[np.int64]]:
        """Pad windows to one batch.

        Returns:
            `input_ids` (B, L), `attention_mask` (B, L) and `target_mask` (B, K, L) with ones on the tokens of
            each target; L is the longest window, K the largest number of targets, rows beyond a window's
            targets are all zero.
        """
        length = max(len(window.input_ids) for window in windows)
        width = max(len(window.spans) for window in windows)
        input_ids = np.full((len(windows), length), self.pad_id, dtype=np.int64)
        attention_mask = np.zeros((len(windows), length), dtype=np.int64)
        target_mask = np.zeros((len(windows), width, length), dtype=np.int64)
        for row, window in enumerate(windows):
            input_ids[row, : len(window.input_ids)] = window.input_ids
            attention_mask[row, : len(window.input_ids)] = 1
            for target, span in enumerate(window.spans):
                target_mask[row, target, list(span)] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask, "target_mask": target_mask}


Arrays = Mapping[str, NDArray[np.int64]]
"""A collated batch, by the names of `SpanEncoder.collate`."""


def answered(
    examples: Sequence[Example],
    encoder: SpanEncoder,
    answer: Callable[[Arrays], tuple[NDArray[Any], ...]],
    batch_tokens: int = BATCH_TOKENS,
    workers: int = 1,
    progress: str = "",
) -> Iterator[tuple[Window, list[int], tuple[NDArray[Any], ...]]]:
    """Ask a model about rows, in batches of like length, those of one text together.

    Args:
        examples: rows, in any order.
        encoder: makes the windows.
        answer: from a collated batch to arrays whose first axis is the windows of the batch.
        batch_tokens: tokens of a batch, padding included.
        workers: how many batches are answered at once, by threads.
        progress: what a bar is called; empty for none.

    Yields:
        Each window, the position among `examples` of each of its targets, and its part of the answers.
    """
    windows = list(encoder.encode_rows(examples))
    batches = list(batches_by_length([len(window.input_ids) for window, _ in windows], batch_tokens))

    def ask(batch: list[int]) -> tuple[NDArray[Any], ...]:
        return answer(encoder.collate([windows[index][0] for index in batch]))

    with (
        tqdm(total=len(examples), desc=progress, unit=" pairs", disable=not progress) as bar,
        ThreadPoolExecutor(workers) as pool,
    ):
        answers = pool.map(ask, batches) if workers > 1 else map(ask, batches)
        for batch, arrays in zip(batches, answers, strict=True):
            for place, index in enumerate(batch):
                window, positions = windows[index]
                yield window, positions, tuple(array[place] for array in arrays)
                bar.update(len(positions))


def batches_by_length(lengths: Sequence[int], max_batch_tokens: int) -> Iterable[list[int]]:
    """Yield positions grouped so that similar lengths share a batch and padding is small.

    Args:
        lengths: tokens of each window.
        max_batch_tokens: the most tokens of a batch, padding included; a longer window gets its own batch.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[position] > max_batch_tokens:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def _overlapping(offsets: Sequence[tuple[int, int]], mentions: Sequence[Mention]) -> list[int]:
    """Tokens sharing a character with a mention; none where a tokenizer left the mention out."""
    return [
        token
        for token, (start, end) in enumerate(offsets)
        if any(start < mention.end and mention.start < end for mention in mentions)
    ]


def _nearest(offsets: Sequence[tuple[int, int]], mention: Mention) -> int:
    """The token that begins nearest to a mention."""
    starts = [abs(start - mention.start) for start, _ in offsets]
    return starts.index(min(starts)) if starts else 0


def _special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids a tokenizer puts before and after a text, found by asking it."""
    bare = len(tokenizer.encode("a", add_special_tokens=False).ids)
    full = tokenizer.encode("a", add_special_tokens=True)
    before = full.special_tokens_mask.index(0) if 0 in full.special_tokens_mask else 0
    return list(full.ids[:before]), list(full.ids[before + bare :])


def _pad_id(tokenizer: Tokenizer) -> int:
    """The padding token by its usual names; 0 otherwise, which attention masks out all the same."""
    for name in ("[PAD]", "<pad>"):
        found = tokenizer.token_to_id(name)
        if found is not None:
            return found
    return 0
