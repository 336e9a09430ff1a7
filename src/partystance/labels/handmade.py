"""Labels that people (or careful readers) gave: rows of JSONL, CSV or Parquet, and which label wins."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from partystance.errors import InputError
from partystance.parties import Registry
from partystance.schema import Example
from partystance.splits import normalise
from partystance.tables import read_rows

HUMAN, CURATED, RULE = "human", "curated", "rule"
"""Label sources of the design; others are `llm:<model>` and names of corpora (whose labels people made)."""


def read_handmade(
    path: Path | str, registry: Registry | None = None, label_source: str = HUMAN
) -> Iterator[Example]:
    """Read hand-labelled rows. Only `text`, `party` and `label` are needed; a row without a label stays so.

    Args:
        path: a file with the columns of the row format.
        registry: finds the party where a row has no `mentions`, and turns a name (`Russia`) into its id.
        label_source: for rows that do not say.

    Raises:
        InputError: a row breaks the row format, or its party is not found in its text.
    """
    for number, row in enumerate(read_rows(path), start=1):
        values = {name: value for name, value in row.items() if value not in (None, "", [])}
        try:
            yield _example(values, f"{Path(path).stem}:{number}", registry, label_source)
        except KeyError as error:
            raise InputError(path, f"row {number}: field {error} is missing") from None
        except (TypeError, ValueError) as error:
            raise InputError(path, f"row {number}: {error}") from None


def _example(values: dict[str, Any], row_id: str, registry: Registry | None, label_source: str) -> Example:
    values = {"id": row_id, "label_source": label_source} | values
    text, party = values["text"], values["party"]
    if registry:
        values["party"] = party = party_id(party, registry)
    return Example.from_row(values | {"mentions": values.get("mentions") or _locate(text, party, registry)})


def party_id(party: str, registry: Registry) -> str:
    """Return the id of a party given by id or by name; a party the registry does not know stays as it is."""
    if party in registry.parties:
        return party
    found = registry.find(party)
    return found[0].party if len(found) == 1 and found[0].surface == party else party


def _locate(text: str, party: str, registry: Registry | None) -> list[dict[str, Any]]:
    if registry is None:
        raise ValueError("no mentions: give them, or name a party registry that finds them")
    found = [mention for mention in registry.find(text) if mention.party == party]
    if not found:
        raise ValueError(
            f"party {party!r} is not found in {text!r}: give its mentions, or add the words to the registry"
        )
    return [{"start": m.start, "end": m.end, "surface": m.surface} for m in found]


def settle(examples: Iterable[Example], counts: Counter[str]) -> list[Example]:
    """Keep one label a pair: people before curated labels before language models before rules.

    A pair is a sentence (normalised) and a party, within one given split. Of equal labels the first row is
    kept; where the best sources contradict each other, the pair is dropped.

    Args:
        examples: rows from every source; those without a label are left out.
        counts: is filled with what was left out, by reason.
    """
    same: dict[tuple[str, str, str], list[Example]] = defaultdict(list)
    for example in examples:
        if example.label:
            same[example.split, normalise(example.text), example.party].append(example)
        else:
            counts["no label yet"] += 1
    kept = (_winner(rows, counts) for rows in same.values())
    return [example for example in kept if example]


def _winner(rows: list[Example], counts: Counter[str]) -> Example | None:
    best = min(_rank(row) for row in rows)
    first, *others = (row for row in rows if _rank(row) == best)
    for row in rows:
        if _rank(row) > best:
            counts[f"{row.label_source} label yields to {first.label_source}"] += 1
    if any(other.label != first.label for other in others):
        counts[f"contradicting {first.label_source} labels"] += 1 + len(others)
        return None
    counts["same pair again"] += len(others)
    return first


def _rank(example: Example) -> int:
    if example.label_source == RULE:
        return 3
    if example.label_source.startswith("llm:"):
        return 2
    return int(example.label_source == CURATED)
