"""SemEval-2016 Task 6 (Mohammad, Kiritchenko, Sobhani, Zhu & Cherry, 2016): tweets and six targets.

Format: tab-separated with a header, never quoted: `ID`, `Target`, `Tweet`, `Stance` (FAVOR, AGAINST, or
NONE: neither can be inferred); the files with all annotations have `Opinion towards` and `Sentiment`
besides. As in the readme files of https://alt.qcri.org/semeval2016/task6/ (trial and training data) and of
the files with all annotations. Terms of the NRC Canada: cite the paper, do not redistribute, send others to
http://www.saifmohammad.com/WebPages/StanceDataset.htm.

The readme files name no encoding and users have read copies as UTF-8, Latin-1 and Mac Roman: what is not
UTF-8 is an error here, to be converted first. `train.csv` and `test.csv` of `stancedataset.zip` are another
format.

Targets such as "Atheism" are topics and mostly not in the tweet: those labels give no row. `#SemST`, which
the organisers put at the end of every tweet, is taken off.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from partystance.labels.published import (
    NOT_NAMED,
    bare_cells,
    by_column,
    named,
    once_each,
    placed_at,
    stance,
)
from partystance.schema import Example

LABEL_SOURCE = "semeval2016"

COLUMNS = ("ID", "Target", "Tweet", "Stance")
_STANCE = {"FAVOR": "support", "NONE": "neutral", "AGAINST": "criticize"}


def read_semeval2016(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read one file of SemEval-2016 Task 6; every tweet that names its target becomes a row, copies once.

    Args:
        path: e.g. `semeval2016-task6-trainingdata.txt` or `trainingdata-all-annotations.txt`.
        counts: is filled with what was left out, by reason.

    Raises:
        InputError: a column is missing or a stance unknown; names line and value.
    """
    counts = Counter() if counts is None else counts
    yield from once_each(_examples(Path(path), counts), counts)


def _examples(path: Path, counts: Counter[str]) -> Iterator[Example]:
    for line, row in by_column(path, bare_cells(path), COLUMNS):
        with placed_at(path, line):
            example = _example(row, f"{LABEL_SOURCE}:{path.stem}:{line}")
        if example:
            yield example
        else:
            counts[NOT_NAMED] += 1


def _example(row: Mapping[str, str], name: str) -> Example | None:
    label = stance(row["Stance"], _STANCE, "Stance")
    text = row["Tweet"].strip().removesuffix("#SemST").rstrip()
    mentions = named(text, row["Target"])
    return (
        Example(
            id=name,
            doc_id=name,
            text=text,
            party=row["Target"],
            mentions=mentions,
            label=label,
            holder="" if label == "neutral" else "author",
            voice="" if label == "neutral" else "author",
            label_source=LABEL_SOURCE,
        )
        if mentions
        else None
    )
