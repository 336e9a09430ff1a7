"""PerSenT (Bastan, Koupaee, Son, Sicoli & Balasubramanian, COLING 2020): what an author thinks of a person.

Format: CSV with a header: `DOCUMENT_INDEX`, `TITLE`, `TARGET_ENTITY`, `DOCUMENT` (paragraphs, one a line;
commas are gone from the text), `MASKED_DOCUMENT`, `TRUE_SENTIMENT` (of the whole article) and `Paragraph0`
to `Paragraph15` (of each paragraph, empty where there is none), all Negative, Neutral or Positive. As in
`fixed_test.csv` and `random_test.csv` of https://github.com/MHDBST/PerSenT and the authors' scripts at
https://github.com/StonyBrookNLP/PerSenT. Licence: the Hugging Face loader `per_sent` says CC BY 4.0; the
authors' repositories say nothing, and the loader's own card "unknown".

Rows are paragraphs, which hold several sentences. The label of an article gives no row, since nothing says
which words it rests on. Annotators saw pronouns marked, too; a paragraph that has neither the person's
whole name nor its last word gives no row.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from partystance.labels.published import NOT_NAMED, by_column, named, placed_at, quoted_cells, stance
from partystance.schema import Example, Mention

LABEL_SOURCE = "persent"

PARAGRAPHS = tuple(f"Paragraph{number}" for number in range(16))
COLUMNS = ("DOCUMENT_INDEX", "TITLE", "TARGET_ENTITY", "DOCUMENT", "TRUE_SENTIMENT", *PARAGRAPHS)
_SENTIMENT = {"Positive": "support", "Neutral": "neutral", "Negative": "criticize"}
_AFTER_NAMES = {"Jr", "Jr.", "Sr", "Sr.", "II", "III", "IV"}
"""Last words that are no surname."""


def read_persent(path: Path | str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """Read one PerSenT file; every labelled paragraph that names the person becomes a row.

    Args:
        path: `train.csv`, `dev.csv`, `random_test.csv` or `fixed_test.csv`.
        counts: is filled with what was left out, by reason.

    Raises:
        InputError: a column is missing or a label unknown; names line and value.
    """
    source, counts = Path(path), Counter() if counts is None else counts
    for line, row in by_column(source, quoted_cells(source, ","), COLUMNS):
        with placed_at(source, line):
            examples = list(_examples(row, source.stem, counts))
        yield from examples


def _examples(row: Mapping[str, str], name: str, counts: Counter[str]) -> Iterator[Example]:
    if row["TRUE_SENTIMENT"]:
        stance(row["TRUE_SENTIMENT"], _SENTIMENT, "TRUE_SENTIMENT")
        counts["label of a whole article"] += 1
    labels = {
        number: stance(row[column], _SENTIMENT, column)
        for number, column in enumerate(PARAGRAPHS)
        if row[column]
    }
    paragraphs = [line.strip() for line in row["DOCUMENT"].split("\n") if line.strip()]
    if max(labels, default=0) >= len(paragraphs):
        counts["paragraph label of an article with fewer paragraphs than labels"] += len(labels)
        return
    for number, label in labels.items():
        mentions = _mentions(paragraphs[number], row["TARGET_ENTITY"])
        if not mentions:
            counts[NOT_NAMED] += 1
            continue
        yield Example(
            id=f"{LABEL_SOURCE}:{name}:{row['DOCUMENT_INDEX']}:{number}",
            doc_id=f"{LABEL_SOURCE}:{row['DOCUMENT_INDEX']}",
            sentence_index=number,
            text=paragraphs[number],
            party=row["TARGET_ENTITY"],
            mentions=mentions,
            label=label,
            holder="" if label == "neutral" else "author",
            voice="" if label == "neutral" else "author",
            label_source=LABEL_SOURCE,
            title=row["TITLE"],
        )


def _mentions(text: str, person: str) -> tuple[Mention, ...]:
    """Where a paragraph has a person's whole name, else the last word of it, which news use alone."""
    surname = [word for word in person.split() if word not in _AFTER_NAMES][-1:]
    return named(text, person) or named(text, "".join(surname))
