"""What a frozen encoder makes of a (sentence, party) pair: features for a classifier fitted in a second."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partystance.encoders import MINILM, encoder_path
from partystance.errors import needs_extra
from partystance.schema import Example

with needs_extra("train", "a frozen encoder"):
    import torch
    from transformers import AutoModel
    from transformers.utils.logging import disable_progress_bar

    from partystance.encoding import MAX_TOKENS, Arrays, SpanEncoder, answered
    from partystance.model import mean_states


def frozen_features(
    examples: Sequence[Example], encoder: str = MINILM, progress: str = ""
) -> NDArray[np.float32]:
    """Return the mean state of each row's mentions, joined with the mean over its sentence: (N, 2 H).

    The mean over the sentence, not its first token: it is what MiniLM was trained to say something with
    (docs/decisions.md has both). About 70 rows a second on one core.

    Args:
        examples: rows, in any order; the parties of one sentence share a pass.
        encoder: `minilm`, a folder, or a hub id.
        progress: what a bar is called; empty for none.
    """
    folder = encoder_path(encoder)
    disable_progress_bar()  # of loading the weights, which takes no time
    model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32).eval()

    def answer(arrays: Arrays) -> tuple[NDArray[np.float32]]:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        targets, attention = tensors.pop("target_mask"), tensors["attention_mask"]
        with torch.inference_mode():
            hidden = model(**tensors).last_hidden_state
            spans = mean_states(hidden, targets)
            sentences = mean_states(hidden, attention.unsqueeze(1)).expand_as(spans)
            return (torch.cat([spans, sentences], dim=-1).numpy(),)

    values = np.zeros((len(examples), 2 * model.config.hidden_size), dtype=np.float32)
    tokenizer = SpanEncoder.from_pretrained(folder, MAX_TOKENS)
    for _, positions, (found,) in answered(examples, tokenizer, answer, progress=progress):
        values[positions] = found[: len(positions)]
    return values
