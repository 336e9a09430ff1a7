"""Excel workbooks by openpyxl: a header row and text cells, nothing that runs.

A workbook is XML, which some characters cannot be in: they go as `_x0008_`, and the underscore of a text that
looks like that as `_x005F_` (ECMA-376, ST_Xstring). openpyxl's own `escape` leaves such texts as they are.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from partystance.errors import InputError, needs_extra
from partystance.files import staged
from partystance.schema import LABELS
from partystance.tables import disarm_formula

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

LONGEST = 32_767
"""Characters a cell holds; openpyxl would cut a longer text in silence."""

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_WIDTHS = {"id": 20, "text": 90, "mentions": 25, "holder": 20}
_WIDTH = 14


def write(rows: Iterable[Mapping[str, str]], path: Path, columns: Sequence[str]) -> None:
    """Write a sheet whose `label` column offers the stances.

    Raises:
        InputError: a text is longer than a cell.
        PartystanceError: openpyxl is not installed.
    """
    with needs_extra("formats", "Excel"):
        from openpyxl import Workbook
    book = Workbook()
    sheet: Any = book.active
    sheet.append(list(columns))
    number = 1
    for number, row in enumerate(rows, start=2):
        for column, value in enumerate(row.values(), start=1):
            _fill(sheet.cell(number, column), value, path)
    _furnish(sheet, columns, number)
    with staged(path) as temporary:
        book.save(temporary)


def _fill(cell: Any, text: str, path: Path) -> None:
    from openpyxl.styles import Alignment

    value = _UNFIT.sub(lambda match: f"_x{ord(match[0]):04X}_", disarm_formula(text))
    if len(value) > LONGEST:
        raise InputError(path, f"a cell of Excel holds {LONGEST} characters, not {len(value)}: use .csv")
    cell.value = value
    cell.number_format = "@"  # text: an id like 1-2 stays one, and is no date
    cell.alignment = Alignment(wrap_text=True, vertical="top")


def _furnish(sheet: "Worksheet", columns: Sequence[str], last: int) -> None:
    """Give the sheet a fixed header, widths, and a list to choose the label from."""
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    sheet.title = "tasks"
    sheet.freeze_panes = "A2"
    choice = DataValidation(type="list", formula1=f'"{",".join(LABELS)}"', allow_blank=True)
    sheet.add_data_validation(choice)
    for number, name in enumerate(columns, start=1):
        letter = get_column_letter(number)
        sheet.cell(1, number).font = Font(bold=True)
        sheet.column_dimensions[letter].width = _WIDTHS.get(name, _WIDTH)
        if name == "label":
            choice.add(f"{letter}2:{letter}{max(2, last)}")


def read(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the rows of the first sheet as text, with their number; empty rows are passed over.

    Raises:
        InputError: the file cannot be read as a workbook.
        PartystanceError: openpyxl is not installed.
    """
    with needs_extra("formats", "Excel"):
        from openpyxl import load_workbook
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (OSError, BadZipFile, KeyError, ValueError, IndexError, SyntaxError) as error:
        raise InputError(path, f"not an Excel workbook: {error}") from None
    for number, row in enumerate(rows, start=1):
        if any(value is not None for value in row):
            yield number, [_text(value) for value in row]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # an id 7 that somebody's spreadsheet took for a number
    return "" if value is None else _ESCAPED.sub(lambda match: chr(int(match[1], 16)), str(value))
