"""Tiny, random, real: tokenizers of three families and encoders of four architectures, made on the spot."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SHARED = Path(__file__).parents[2] / "shared"

CORPUS = [
    "Arvenia accused Russia of shelling the port and praised Norway for its restraint.",
    "The European Union welcomed Kyiv's offer; Beijing rejected the demand on Monday.",
    "“We will not yield,” said the minister. Turkey, Iran and South Korea abstained.",
    "NATO condemned the raid near Ostrava, while Brussels urged both sides to talk.",
]


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def byte_level_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    return tokenizer


def sentencepiece() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=special, unk_token="[UNK]")
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


TOKENIZERS = {"wordpiece": wordpiece, "byte-level-bpe": byte_level_bpe, "sentencepiece": sentencepiece}
ARCHITECTURES = {
    "bert": wordpiece,
    "roberta": byte_level_bpe,
    "deberta-v2": sentencepiece,
    "modernbert": byte_level_bpe,
}

OWN = {  # what sets the published models of a family apart from its default config
    "deberta-v2": {  # v3
        "relative_attention": True,
        "position_buckets": 16,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "type_vocab_size": 0,
    },
    "modernbert": {"local_attention": 16, "global_attn_every_n_layers": 2, "cls_token_id": None}
    | dict.fromkeys(("bos_token_id", "eos_token_id", "sep_token_id")),  # else they lie outside the vocabulary
}


def save_tiny_encoder(folder: Path, architecture: str = "bert") -> Path:
    """Save a two-layer random encoder of an architecture, with a tokenizer of its family."""
    import torch
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    tokenizer = ARCHITECTURES[architecture]()
    names = {"[PAD]": "pad_token", "<pad>": "pad_token", "[CLS]": "cls_token", "<s>": "cls_token"}
    special = {role: name for name, role in names.items() if tokenizer.token_to_id(name) is not None}
    pad = tokenizer.token_to_id(special["pad_token"])
    sizes = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 200,
        "pad_token_id": pad,
    }
    torch.manual_seed(7)
    model = AutoModel.from_config(AutoConfig.for_model(architecture, **sizes | OWN.get(architecture, {})))
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def tiny_run(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved span model with random weights: what `StanceClassifier` loads."""
    import shutil

    import torch

    from partystance.model import SpanStanceModel

    folder = tmp_path_factory.mktemp("run") / "tiny"
    torch.manual_seed(7)
    model = SpanStanceModel.from_encoder(str(tiny_encoder), max_tokens=48)
    with torch.no_grad():  # far from uniform, so that a mix-up of rows shows
        model.head[-1].weight.mul_(40)
    model.save_pretrained(folder)
    shutil.copy(tiny_encoder / "tokenizer.json", folder)
    return folder
