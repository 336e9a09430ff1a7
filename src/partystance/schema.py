"""The row: Article, Sentence, Mention, Example, Prediction and Stance, each checked when it is made.

Offsets are Python code points, end exclusive, and `text[start:end] == surface` always holds. After
construction nobody re-checks; a row that breaks a rule raises `ValueError` naming its id and the rule.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any, Self


class Stance(StrEnum):
    """What somebody takes toward a party in a sentence; defined in `data/CODEBOOK.md`."""

    SUPPORT = "support"
    NEUTRAL = "neutral"
    CRITICIZE = "criticize"


LABELS: tuple[str, ...] = tuple(stance.value for stance in Stance)
"""The class order used everywhere: model outputs, ClassLabel features, probability columns, matrices."""

POLAR: tuple[str, ...] = (Stance.SUPPORT.value, Stance.CRITICIZE.value)
"""The stances that somebody takes; `neutral` is that nobody does."""

POLAR_INDICES = tuple(LABELS.index(label) for label in POLAR)
"""Where they are among `LABELS`."""

AUTHOR = "author"
"""The holder where the article's own voice takes the stance."""

VOICES = (AUTHOR, "reported")
"""Who speaks where a stance is taken: the article's own voice, or somebody it reports."""


@dataclass(frozen=True, slots=True)
class Article:
    """One article. `text` is exactly what offsets count in; `source` is where it was read (file, line)."""

    doc_id: str
    text: str
    title: str = ""
    outlet: str = ""
    date: str = ""
    url: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an article: `article.text[start:end] == text`."""

    doc_id: str
    index: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Mention:
    """One place in a sentence where a party is named: `sentence[start:end] == surface`."""

    start: int
    end: int
    surface: str

    def check(self, text: str) -> None:
        """Raise `ValueError` unless the offsets slice `surface` out of `text`."""
        if not 0 <= self.start < self.end <= len(text):
            raise ValueError(
                f"mention [{self.start}, {self.end}) lies outside a text of {len(text)} characters"
            )
        if text[self.start : self.end] != self.surface:
            found = text[self.start : self.end]
            raise ValueError(
                f"mention [{self.start}, {self.end}) is {found!r} in the text, not {self.surface!r}"
            )


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one annotator said of a row, before anything was settled."""

    annotator: str
    label: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One row: one (sentence, party) pair, labelled or (with `label == ""`) still to be labelled.

    `holder`: whoever takes the stance. On a neutral row, the one of whom alone it is known that they take
    none; others may.
    `sentence_start`, `sentence_end`: the sentence's offsets into its article; both 0 when there is none.
    `probabilities`: how sure several annotators together are of each of `LABELS`; None where nobody said.
    `phenomena`: what makes the row hard, as tags (`data/CODEBOOK.md` lists those of the shipped rows).

    Raises:
        ValueError: a mention does not slice its surface out of the text, there is no mention, the label
            or voice is not one of `LABELS` / `VOICES`, or the probabilities do not add up to 1.
    """

    id: str
    text: str
    party: str
    mentions: tuple[Mention, ...]
    label: str = ""
    doc_id: str = ""
    sentence_index: int = 0
    sentence_start: int = 0
    sentence_end: int = 0
    holder: str = ""
    voice: str = ""
    mixed: bool = False
    label_source: str = ""
    annotations: tuple[Annotation, ...] = ()
    probabilities: tuple[float, float, float] | None = None
    phenomena: tuple[str, ...] = ()
    outlet: str = ""
    date: str = ""
    url: str = ""
    title: str = ""
    split: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if not self.mentions:
            raise ValueError(f"row {self.id!r}: no mention of {self.party!r}")
        for mention in self.mentions:
            try:
                mention.check(self.text)
            except ValueError as error:
                raise ValueError(f"row {self.id!r}: {error}") from None
        if self.label and self.label not in LABELS:
            raise ValueError(f"row {self.id!r}: label {self.label!r} is not one of {', '.join(LABELS)}")
        if self.voice and self.voice not in VOICES:
            raise ValueError(f"row {self.id!r}: voice {self.voice!r} is not one of {', '.join(VOICES)}")
        if self.probabilities and not math.isclose(sum(self.probabilities), 1, abs_tol=1e-4):
            raise ValueError(f"row {self.id!r}: {', '.join(P_FIELDS)} add up to {sum(self.probabilities)}")

    @property
    def of_one_holder(self) -> bool:
        """Whether the label says nothing of other holders: neutral, and a holder is named."""
        return self.label == Stance.NEUTRAL and bool(self.holder)

    @property
    def cluster(self) -> str:
        """What is resampled as a whole: the row's group, or its article, or itself."""
        return self.group or self.doc_id or self.id

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make an example from plain JSON values. Raises `ValueError` for unknown, missing or wrong ones."""
        unknown = sorted(set(row) - set(ROW_FIELDS))
        if unknown:
            raise ValueError(f"row {row.get('id')!r}: unknown field {unknown[0]!r}")
        missing = [name for name in ("id", "text", "party", "mentions") if row.get(name) is None]
        if missing:
            raise ValueError(f"row {row.get('id')!r}: field {missing[0]!r} is missing")
        values = {name: value for name, value in row.items() if value is not None and name not in P_FIELDS}
        for f in fields(cls):
            if f.type is str and f.name in values:
                _typed(values, f.name, str)
        values["probabilities"] = _soft_label(row)
        values["mentions"] = tuple(Mention(m["start"], m["end"], m["surface"]) for m in row["mentions"])
        values["annotations"] = tuple(Annotation(**a) for a in row.get("annotations") or ())
        values["phenomena"] = tuple(row.get("phenomena") or ())
        return cls(**values)

    def to_row(self) -> dict[str, Any]:
        """Return the row as plain JSON values, every field present, in the order of the design."""
        soft = _p_columns(self.probabilities or (None,) * len(LABELS))
        return {name: soft[name] if name in soft else _plain(getattr(self, name)) for name in ROW_FIELDS}


P_FIELDS = tuple(f"p_{label}" for label in LABELS)
"""The columns of the probabilities of a row, in the order of `LABELS`."""

ROW_FIELDS = (
    "id", "doc_id", "sentence_index", "sentence_start", "sentence_end", "text", "mentions", "party",
    "label", "holder", "voice", "mixed", "label_source", "annotations", *P_FIELDS, "phenomena",
    "outlet", "date", "url", "title", "split", "group",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one (sentence, party) pair; probabilities in the order of `LABELS`.

    `holder`: who takes the stance (a party's id, words of the sentence, or `author`), empty for `neutral`,
    and `p_holder`, how sure the model is of that, given the label.

    `sentence_start`, `sentence_end`: the sentence's offsets into its article; both 0 when there is none.
    `truncated` is true when the sentence was longer than the encoder reads and was cut around the mention.
    """

    id: str
    doc_id: str
    sentence_index: int
    sentence_start: int
    sentence_end: int
    text: str
    mentions: tuple[Mention, ...]
    party: str
    label: str
    probabilities: tuple[float, float, float]
    model_id: str
    holder: str = ""
    p_holder: float = 0.0
    truncated: bool = False
    outlet: str = ""
    date: str = ""
    url: str = ""
    title: str = ""

    def to_row(self) -> dict[str, Any]:
        """Return the prediction as plain JSON values, one `p_<label>` column a class."""
        row: dict[str, Any] = {}
        for f in fields(self):
            if f.name == "probabilities":
                row |= _p_columns(self.probabilities)
            else:
                row[f.name] = _plain(getattr(self, f.name))
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make a prediction of what `to_row` returned.

        Raises:
            ValueError: a field is unknown or missing, or holds what `to_row` never writes; names the field.
        """
        kinds: dict[str, Any] = {f.name: f.type for f in fields(cls)}
        del kinds["mentions"], kinds["probabilities"]
        nested = {"mentions", *P_FIELDS}
        optional = {f.name for f in fields(cls) if f.default is not MISSING}
        try:
            _check_names(row, kinds.keys() | nested, optional)
            values = {name: _typed(row, name, kinds[name]) for name in kinds if row.get(name) is not None}
            if values["label"] not in LABELS:
                raise ValueError(f"label {values['label']!r} is not one of {', '.join(LABELS)}")
            support, neutral, criticize = (_probability(row, name) for name in P_FIELDS)
            mentions = tuple(_mention(item, values["text"]) for item in _typed(row, "mentions", list))
        except ValueError as error:
            raise ValueError(f"prediction {row.get('id')!r}: {error}") from None
        return cls(mentions=mentions, probabilities=(support, neutral, criticize), **values)


def _check_names(row: Mapping[str, Any], known: set[str], optional: set[str]) -> None:
    if unknown := sorted(set(row) - known):
        raise ValueError(f"unknown field {unknown[0]!r}")
    if missing := sorted(name for name in known - optional if row.get(name) is None):
        raise ValueError(f"field {missing[0]!r} is missing")


def _typed(row: Mapping[str, Any], name: str, kind: type) -> Any:
    if type(row[name]) is not kind:  # not isinstance: true is no sentence number
        raise ValueError(f"field {name!r} is {row[name]!r}, not {kind.__name__}")
    return row[name]


def _p_columns(probabilities: Sequence[float | None]) -> dict[str, Any]:
    return dict(zip(P_FIELDS, probabilities, strict=True))


def _soft_label(row: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """The three probabilities of a row, or None where it has none."""
    missing = [name for name in P_FIELDS if row.get(name) is None]
    if len(missing) == len(P_FIELDS):
        return None
    if missing:
        raise ValueError(f"row {row.get('id')!r}: field {missing[0]!r} is missing: give all three or none")
    support, neutral, criticize = (_probability(row, name) for name in P_FIELDS)
    return support, neutral, criticize


def _probability(row: Mapping[str, Any], name: str) -> float:
    value = row[name]
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError(f"field {name!r} is {value!r}, not a probability")
    return float(value)


def _mention(item: Any, text: str) -> Mention:
    """The mention of a plain mapping, checked against its sentence."""
    names = {"start": int, "end": int, "surface": str}
    if not isinstance(item, Mapping) or set(item) != set(names):
        raise ValueError(f"field 'mentions' holds {item!r}, not start, end and surface")
    mention = Mention(**{name: _typed(item, name, kind) for name, kind in names.items()})
    mention.check(text)
    return mention


PREDICTION_FIELDS = tuple(
    name for f in fields(Prediction) for name in (P_FIELDS if f.name == "probabilities" else [f.name])
)
"""The columns of a table of predictions, in order."""


def _plain(value: Any) -> Any:
    if isinstance(value, (Mention, Annotation)):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
