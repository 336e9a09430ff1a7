"""Tables in Parquet, by pyarrow, which `partystance[formats]` brings."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from partystance.errors import InputError
from partystance.tables import ROWS_A_GROUP, Kind, field_kind

_ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "a number": pa.float64(),
    "a whole number": pa.int32(),
    "true or false": pa.bool_(),
}
_LISTS: dict[str, pa.DataType] = {
    "mentions": pa.struct([("start", pa.int32()), ("end", pa.int32()), ("surface", pa.string())]),
    "annotations": pa.struct([(name, pa.string()) for name in ("annotator", "label", "holder")]),
    "phenomena": pa.string(),
}
"""What fields that are lists hold."""


def arrow_type(name: str) -> pa.DataType:
    """Return the type of a field's column."""
    return pa.list_(_LISTS[name]) if name in _LISTS else _ARROW[field_kind(name)]


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows; class labels that `datasets` numbered come back as names.

    Raises:
        InputError: not a readable Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = _class_names(file.schema_arrow)
            for batch in file.iter_batches(ROWS_A_GROUP):
                for row in batch.to_pylist():
                    for column, classes in names.items():
                        row[column] = _class_name(row[column], classes)
                    yield row
    except pa.ArrowException as error:
        raise InputError(path, f"cannot be read: {str(error).splitlines()[0]}") from None


def _class_name(index: int | None, classes: list[str]) -> str:
    return "" if index is None or index < 0 else classes[index]


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """The class names of integer columns that `datasets` calls ClassLabel."""
    metadata = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = metadata.get("info", {}).get("features", {})
    return {
        name: feature["names"]
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


@contextmanager
def parquet_writer(
    path: Path, fields: Sequence[str]
) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], None]]:
    """Open a table with these columns; what it yields adds a group of rows."""
    schema = pa.schema([(name, arrow_type(name)) for name in fields])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(list(rows), schema))
