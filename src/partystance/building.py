"""The parts of a dataset build that outlive the recipe: config, rules on rows, Parquet, what is up to date.

The recipe that puts them together is `data/build_dataset.py`. Needs `partystance[train]`.
"""

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features, List, Value
from pydantic import Field, model_validator
from sklearn.metrics import accuracy_score, f1_score, precision_score

from partystance.configs import StrictModel
from partystance.files import sha256_file, staged
from partystance.labels.corpora import Format
from partystance.labels.handmade import HUMAN
from partystance.labels.rules import rule_answers
from partystance.parties import Registry
from partystance.schema import LABELS, P_FIELDS, ROW_FIELDS, Example
from partystance.splits import NEAR_DUPLICATE

_TYPES: dict[str, Any] = {
    "sentence_index": Value("int32"),
    "sentence_start": Value("int32"),
    "sentence_end": Value("int32"),
    "mentions": List({"start": Value("int32"), "end": Value("int32"), "surface": Value("string")}),
    "label": ClassLabel(names=list(LABELS)),
    "mixed": Value("bool"),
    "annotations": List({name: Value("string") for name in ("annotator", "label", "holder")}),
    "phenomena": List(Value("string")),
    **dict.fromkeys(P_FIELDS, Value("float64")),
}

FEATURES = Features({name: _TYPES.get(name, Value("string")) for name in ROW_FIELDS})
"""The columns of a built split, as `datasets` knows them; the same JSON travels in the Parquet file."""


PARTIES_COUNTED = 100
"""Parties with a line of their own in card and manifest; a corpus of persons has thousands."""


class Source(StrictModel):
    """A file (or folder) of labelled rows."""

    path: Path = Field(description="relative to `corpus`, unless `shipped`; of `seesaw` a folder")
    shipped: bool = Field(default=False, description="`path` is relative to the working directory")
    format: Format = Field(default=Format.ROWS, description="`rows`: ours; else a corpus as published")
    overlay: Path | None = Field(default=None, description="our labels for the sentences of `path`, a corpus")
    split: str = Field(default="", description="the split it is; empty: divided by `fractions`")
    label_source: str = Field(default=HUMAN, description="for rows that do not say")
    licence: str = Field(description="of text and labels")
    how: str = Field(description="who wrote the text and who labelled it, for the card")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.overlay and self.format == Format.ROWS:
            raise ValueError(f"overlay {self.overlay} needs 'format': which corpus is {self.path}?")
        return self


class DatasetConfig(StrictModel):
    """A dataset build, as written in `configs/data/*.yaml`. Paths are relative to the working directory."""

    name: str
    title: str
    summary: str = Field(description="what it is, in a sentence or two: the card's first paragraph")
    licence: str = Field(description="a licence id of the Hugging Face hub")
    output: Path
    corpus: Path = Field(default=Path(), description="the folder of articles and sources")
    articles: tuple[str, ...] = Field(default=(), description="files, folders or globs, relative to `corpus`")
    parties: tuple[Path, ...] = Field(default=(), description="party registries")
    sources: tuple[Source, ...] = Field(min_length=1)
    rules: bool = Field(default=False, description="label what nobody labelled by rule, for training only")
    fractions: dict[str, float] = Field(default={"train": 0.7, "validation": 0.15, "test": 0.15})
    on_contamination: Literal["fail", "drop_from_train"] = Field(
        default="fail", description="what to do when rows share something with a split given by its source"
    )
    near_duplicate: float = Field(default=NEAR_DUPLICATE, gt=0.11, le=1, description="Jaccard of 3-grams")
    keep_out: tuple[Path, ...] = Field(
        default=(), description="minimal pairs: no split may share a sentence with them"
    )
    seed: int = 13

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if min(self.fractions.values(), default=0) <= 0 or not math.isclose(sum(self.fractions.values()), 1):
            raise ValueError(f"fractions must be above 0 and add up to 1, not {self.fractions}")
        if "train" not in self.fractions:
            raise ValueError("fractions must name 'train'")
        if self.articles and not self.parties:
            raise ValueError("articles need 'parties': the registries that say who is looked for")
        if self.rules and not self.articles:
            raise ValueError("rules need 'articles': they label the pairs found there")
        return self


def rule_quality(rows: Sequence[Example], registry: Registry | None) -> dict[str, Any]:
    """Return how often the rule labeller agrees with the labels that the rows have for anybody's stance."""
    rows = [row for row in rows if not row.of_one_holder]
    truth = [row.label for row in rows]
    answers = [str(answer.label) for answer in rule_answers(rows, registry)]
    names = list(LABELS)
    precision: Any = precision_score(truth, answers, labels=names, average=None, zero_division=0)  # type: ignore
    macro_f1 = f1_score(truth, answers, labels=names, average="macro", zero_division=0)  # type: ignore
    return {
        "rows": len(rows),
        "accuracy": round(float(accuracy_score(truth, answers)), 4),
        "macro_f1": round(float(macro_f1), 4),
        "precision": {label: round(float(value), 4) for label, value in zip(LABELS, precision, strict=True)},
    }


def write_split(path: Path, rows: Sequence[Example]) -> None:
    """Write rows to Parquet, sorted. A file that would come out the same is left alone, its age included."""
    ordered = sorted(rows, key=lambda row: (row.doc_id, row.sentence_index, row.text, row.party, row.id))
    columns = [row.to_row() | {"label": LABELS.index(row.label)} for row in ordered]
    with staged(path) as temporary:
        pq.write_table(pa.Table.from_pylist(columns, schema=FEATURES.arrow_schema), temporary)
        if path.exists() and sha256_file(path) == sha256_file(temporary):
            shutil.copystat(path, temporary)


def count_rows(splits: Mapping[str, Sequence[Example]]) -> dict[str, dict[str, dict[str, int]]]:
    """Return field -> value -> split -> rows, for label, label source and party (the rarest as one line)."""
    frequency = Counter(row.party for part in splits.values() for row in part)
    named = dict.fromkeys(sorted(frequency, key=lambda party: (-frequency[party], party))[:PARTIES_COUNTED])
    return {
        "label": _tabulate(splits, lambda row: row.label, LABELS),
        "label_source": _tabulate(splits, lambda row: row.label_source),
        "party": _tabulate(splits, lambda row: row.party if row.party in named else "(others)", named),
    }


def _tabulate(
    splits: Mapping[str, Sequence[Example]], value: Callable[[Example], str], first: Iterable[str] = ()
) -> dict[str, dict[str, int]]:
    counts = {split: Counter(map(value, part)) for split, part in splits.items()}
    names = dict.fromkeys([*first, *sorted(name for counter in counts.values() for name in counter)])
    return {name: {split: counter[name] for split, counter in counts.items()} for name in names}


def code_digest(*files: Path) -> str:
    """Return a hash of the library and some files more: other code may build other data."""
    library = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256("".join(sha256_file(path) for path in (*library, *files)).encode()).hexdigest()


def is_up_to_date(
    folder: Path, inputs: Mapping[str, Path], config: Mapping[str, Any], versions: Mapping[str, str]
) -> bool:
    """Return whether a folder's manifest tells of the same inputs, config and versions, and of its files."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        written = {name: sha256_file(folder / name) for name in manifest["outputs"]}
        before = [manifest[key] for key in ("inputs", "config", "versions", "outputs")]
    except (OSError, ValueError, KeyError):
        return False
    return before == [{name: sha256_file(path) for name, path in inputs.items()}, config, versions, written]
