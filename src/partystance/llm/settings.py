"""What a run of `partystance annotate` is told."""

from dataclasses import dataclass
from pathlib import Path

from partystance.errors import InputError, PartystanceError
from partystance.labels.handmade import CURATED, HUMAN
from partystance.llm.questions import AnswerFormat, Question, read_codebook
from partystance.llm.server import DEFAULT_PATIENCE, Patience, checked_url
from partystance.tables import check_format


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is told; the options of `partystance annotate` say what each means.

    `trusted` are the label sources to score against; with `min_scored` 0, labels are set unscored.
    """

    file: Path
    model: str
    out: Path
    base_url: str
    codebook: Path | None = None
    parties: tuple[Path, ...] = ()
    limit: int | None = None
    concurrency: int = 4
    answer_format: AnswerFormat = AnswerFormat.SCHEMA
    temperature: float = 0.0
    max_tokens: int = 300
    price_in: float | None = None
    price_out: float | None = None
    trusted: tuple[str, ...] = (HUMAN, CURATED)
    min_scored: int = 50
    cache: Path | None = None
    ask_first: bool = False
    patience: Patience = DEFAULT_PATIENCE

    @property
    def manifest(self) -> Path:
        """Where the manifest goes: beside the table."""
        return self.out.with_suffix(".manifest.json")

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return the price of tokens, or None where no prices are given."""
        if self.price_in is None or self.price_out is None:
            return None
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1e6

    def check(self) -> None:
        """Raise `PartystanceError` for what would fail after the asking, when it is paid for."""
        check_format(self.out)
        if self.out.is_dir():
            raise InputError(self.out, "is a folder; --out names a file")
        if (self.price_in is None) != (self.price_out is None):
            raise PartystanceError("--price-in and --price-out go together: a cost needs both")

    def question(self) -> Question:
        """Return how the model is asked. Raises `PartystanceError` for a bad URL or codebook."""
        return Question(
            base_url=checked_url(self.base_url),
            model=self.model,
            codebook=read_codebook(self.codebook),
            answer_format=self.answer_format,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
        )
