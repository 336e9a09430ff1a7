"""The span stance model: one encoder pass a sentence answers for every party in it, and names the holders.

The hidden states of a target's mention tokens are averaged, joined with the first token's state (the sentence
vector) and classified by a two-layer head. Span pooling instead of a sentence pair follows the end-to-end
target-dependent models of Hamborg & Donnay (EACL 2021) in spirit; its cost does not grow with the number
of targets.

Who takes the stance is pointed at, as in pointer networks (Vinyals, Fortunato & Jaitly, NeurIPS 2015): of
each target and each stance, a distribution over the sentence's tokens, in which the first token stands for
the author. So P(stance of anybody) comes from the head, and P(stance of a holder) is that times the share
that the holder's tokens have.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

from partystance.encoding import MAX_TOKENS
from partystance.schema import LABELS, POLAR

_NOT_OURS = ("_name_or_path", "id2label", "label2id", "transformers_version")
"""What an encoder's config says of the folder it was read from and of another task's labels."""

_NEVER = -1e9
"""The score of a token that cannot be meant. Finite: infinities alone have no gradient."""


class SpanStanceConfig(PreTrainedConfig):
    """What is needed to rebuild the model.

    `encoder` is the encoder's own config as a plain dict. `target_blind` pools the whole sentence instead of
    the mention: the comparison that shows how much a model gains by looking at its target.
    """

    model_type = "span-stance"

    encoder: dict[str, Any] | None = None
    max_tokens: int = MAX_TOKENS
    dropout: float = 0.1
    target_blind: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        self.id2label = dict(enumerate(LABELS))
        self.label2id = {name: index for index, name in enumerate(LABELS)}
        self.problem_type = "single_label_classification"
        super().__post_init__(**kwargs)


@dataclass
class SpanStanceOutput(ModelOutput):
    """What the model says of B sentences of L tokens with up to K targets.

    `logits` (B, K, 3), in the order of `LABELS`; `represented` (B, K, 2 H), what the head was given;
    `holders` (B, K, 2, L), log-probabilities of the tokens for each of `POLAR`, or, when holders were given,
    `holder_shares` (B, K, 2), the log-probability that those tokens have together.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    represented: Tensor | None = None
    holders: Tensor | None = None
    holder_shares: Tensor | None = None


class SpanStanceModel(PreTrainedModel):
    """Encoder, span pooling, stance head and holder pointer.

    Made from a config (random weights), from a pretrained encoder (`from_encoder`), or from a saved run
    (`from_pretrained`).
    """

    config_class = SpanStanceConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: SpanStanceConfig) -> None:
        super().__init__(config)
        if not config.encoder:
            raise ValueError("SpanStanceConfig.encoder is empty: give the encoder's config as a dict")
        encoder_config = AutoConfig.for_model(**config.encoder)
        self.encoder = AutoModel.from_config(encoder_config)
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None  # unused parameters would break data-parallel training
        hidden = encoder_config.hidden_size
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(2 * hidden, hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(hidden, len(LABELS)),
        )
        self.pointer = nn.Linear(2 * hidden, len(POLAR) * hidden)
        self.post_init()

    @classmethod
    def from_encoder(cls, name_or_path: str, **config: Any) -> Self:
        """Make a model with a pretrained encoder and a fresh head.

        Args:
            name_or_path: a folder or a hub id; safetensors weights only, no remote code.
            **config: fields of `SpanStanceConfig`.
        """
        encoder = AutoModel.from_pretrained(name_or_path, use_safetensors=True, dtype=torch.float32)
        described = {key: value for key, value in encoder.config.to_dict().items() if key not in _NOT_OURS}
        model = cls(SpanStanceConfig(encoder=described, **config))
        encoder.pooler = None
        model.encoder.load_state_dict(encoder.state_dict())
        return model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        target_mask: Tensor,
        holder_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SpanStanceOutput:
        """Score every target of every sentence, and every token as its holder.

        Args:
            input_ids: (B, L) token ids.
            attention_mask: (B, L), 1 on tokens, 0 on padding.
            target_mask: (B, K, L), 1 on the tokens of each target's mentions; all-zero rows are padding.
            holder_mask: (B, K, L), 1 on the tokens of whoever takes the stance; all-zero rows: not known.
            labels: (B, K) class indices in the order of `LABELS`, -100 where there is no target or label.

        Returns:
            The output, with `loss` (mean cross-entropy of the stances of labelled targets) when labels are
            given.
        """
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state  # (B, L, H)
        if self.config.target_blind:
            target_mask = attention_mask.unsqueeze(1).expand_as(target_mask)
        spans = mean_states(hidden, target_mask)
        represented = torch.cat([spans, hidden[:, :1].expand_as(spans)], dim=-1)
        logits = self.head(represented).float()
        holders = self._holders(represented, hidden, attention_mask)
        output = SpanStanceOutput(logits=logits, represented=represented)
        if holder_mask is None:
            output.holders = holders
        else:
            others = holder_mask.unsqueeze(2) == 0
            output.holder_shares = holders.masked_fill(others, _NEVER).logsumexp(-1)
        if labels is not None:
            output.loss = nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=-100
            )
        return output

    def _holders(self, represented: Tensor, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the log-probability of each token as holder, for each target and polar stance."""
        queries = self.pointer(represented).unflatten(-1, (len(POLAR), -1))  # (B, K, 2, H)
        scores = torch.einsum("bkph,blh->bkpl", queries, hidden).float() / hidden.shape[-1] ** 0.5
        return scores.masked_fill(attention_mask[:, None, None] == 0, _NEVER).log_softmax(-1)


def mean_states(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the masked tokens' states: hidden (B, L, H), mask (B, K, L) -> (B, K, H)."""
    weights = mask.to(hidden.dtype)
    return weights @ hidden / weights.sum(-1, keepdim=True).clamp(min=1)


def is_run(folder: Path | str) -> bool:
    """Whether a folder holds a span stance model, not a bare encoder."""
    try:
        described = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return described.get("model_type") == SpanStanceConfig.model_type


AutoConfig.register(SpanStanceConfig.model_type, SpanStanceConfig)
AutoModel.register(SpanStanceConfig, SpanStanceModel)
