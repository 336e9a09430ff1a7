"""What a frozen encoder makes of each mention: features for a classifier that is fitted in a second."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm
from transformers.utils.logging import disable_progress_bar

from partystance.encoders import MINILM, encoder_path
from partystance.encoding import SpanEncoder, batches_by_length
from partystance.model import SpanStanceModel
from partystance.schema import Example

_BATCH_TOKENS = 4096


def span_states(examples: Sequence[Example], encoder: str = MINILM) -> NDArray[np.float32]:
    """Return the mean state of each row's mentions, joined with the first token's: (N, 2 H).

    What the head of a `SpanStanceModel` would get before any training. MiniLM takes about half a minute for
    3,000 rows on one core.

    Args:
        examples: rows, in any order.
        encoder: `minilm`, a folder, or a hub id.
    """
    folder = encoder_path(encoder)
    disable_progress_bar()  # of loading the weights, which takes no time
    model = SpanStanceModel.from_encoder(folder).eval()
    model.head = nn.Sequential()  # passes on what it gets
    tokens = SpanEncoder.from_pretrained(folder, model.config.max_tokens)
    windows = list(tokens.encode_rows(examples))
    states = np.zeros((len(examples), 2 * model.encoder.config.hidden_size), dtype=np.float32)
    with torch.inference_mode(), tqdm(total=len(examples), desc="reading", unit="row", leave=False) as bar:
        for batch in batches_by_length([len(window.input_ids) for window, _ in windows], _BATCH_TOKENS):
            arrays = tokens.collate([windows[index][0] for index in batch])
            read = model(**{name: torch.from_numpy(array) for name, array in arrays.items()}).logits.numpy()
            for index, rows in zip(batch, read, strict=True):
                positions = windows[index][1]
                states[positions] = rows[: len(positions)]
                bar.update(len(positions))
    return states
