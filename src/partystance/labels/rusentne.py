"""RuSentNE-2023 (Golubev, Rusnachenko & Loukachevitch, Dialogue 2023, arXiv:2305.17679): Russian news.

Format: tab-separated with a header, cells quoted as in CSV where they hold a quote; `sentence`, `entity`
(as written), `entity_tag` (PERSON, ORGANIZATION, PROFESSION, COUNTRY, NATIONALITY), `entity_pos_start_rel`
and `entity_pos_end_rel` (characters of the sentence, end exclusive), `label` (-1 negative, 0 neutral, 1
positive). The repository's README (https://github.com/dialogue-evaluation/RuSentNE-evaluation, MIT licence)
explains all but the two positions; those are as seen in `train_data.csv`. `validation_data.csv` and
`final_data.csv` are the contest's questions: they have no `label`, so use `validation_data_labeled.csv`.

Who takes the stance is not annotated, nor is the article: lines of one sentence are told by their text.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from partystance.labels.published import (
    at_offsets,
    by_column,
    lone_row,
    once_each,
    placed_at,
    quoted_cells,
    stance,
    whole_number,
)
from partystance.schema import Example

LABEL_SOURCE = "rusentne"

START, END = "entity_pos_start_rel", "entity_pos_end_rel"
COLUMNS = ("sentence", "entity", START, END, "label")
_LABEL = {"-1": "criticize", "0": "neutral", "1": "support"}


def read_rusentne(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read one RuSentNE-2023 file; every line becomes a row, repeated ones once.

    Args:
        path: `train_data.csv` or `validation_data_labeled.csv`.
        counts: is filled with what was left out or mended, by reason.

    Raises:
        InputError: a column is missing, or a cell is no number or label; names line and value.
    """
    counts = Counter() if counts is None else counts
    yield from once_each(_examples(Path(path), counts), counts)


def _examples(path: Path, counts: Counter[str]) -> Iterator[Example]:
    for line, row in by_column(path, quoted_cells(path, "\t"), COLUMNS):
        with placed_at(path, line):
            example = _example(row, f"{LABEL_SOURCE}:{path.stem}:{line}", counts)
        if example:
            yield example


def _example(row: Mapping[str, str], name: str, counts: Counter[str]) -> Example | None:
    start, end = whole_number(row, START), whole_number(row, END)
    label = stance(row["label"], _LABEL, "label")
    mention = at_offsets(row["sentence"], row["entity"], start, end, counts)
    return mention and lone_row(name, row["sentence"], mention, label)
