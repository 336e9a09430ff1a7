"""What the head of an untrained span model would get: features that label-error triage was measured with.

`features.frozen_features` has the mean over the sentence in place of the first token.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers.utils.logging import disable_progress_bar

from partystance.encoders import MINILM, encoder_path
from partystance.encoding import SpanEncoder, fill_rows
from partystance.model import SpanStanceModel
from partystance.schema import Example


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
    states = np.zeros((len(examples), 2 * model.encoder.config.hidden_size), dtype=np.float32)

    def answer(arrays: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(array) for name, array in arrays.items()}).logits.numpy()

    fill_rows(states, examples, tokens, answer, progress="reading")
    return states
