"""Runs a trained span model with PyTorch, on any device."""

from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from partystance.encoding import BATCH_TOKENS, Arrays
from partystance.engines import Answer
from partystance.model import SpanStanceModel


class TorchEngine:
    """The model itself, in 32 bits.

    Args:
        folder: a run. Safetensors only; nothing in the folder is executed.
        device: by default a GPU when there is one.
    """

    batch_tokens = BATCH_TOKENS
    workers = 1

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        disable_progress_bar()  # of loading the weights, which takes no time
        model = SpanStanceModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
        self.model = model.to(self.device).eval()  # pyright: ignore[reportArgumentType]
        self.width = 2 * model.encoder.config.hidden_size

    def __call__(self, arrays: Arrays) -> Answer:
        """Answer for the sentences of a batch."""
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        with torch.inference_mode():
            output = self.model(**tensors)
            holders = output.holders.exp()
            return (
                output.logits.cpu().numpy(),
                holders.cpu().numpy(),
                output.represented.float().cpu().numpy(),
            )
