"""The public corpora that we read as their authors publish them: from a format's name to its reader.

Where to get each, under which terms, is in `data/sources.yaml`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from partystance.labels.dse import read_dse, read_dse_silence
from partystance.labels.gerntsa import read_gerntsa
from partystance.labels.madtsc import read_madtsc
from partystance.labels.newsmtsc import read_newsmtsc
from partystance.labels.persent import read_persent
from partystance.labels.rusentne import read_rusentne
from partystance.labels.seesaw import read_seesaw
from partystance.labels.semeval2016 import read_semeval2016
from partystance.schema import Example


class Format(StrEnum):
    """What a labelled file is written in: our own rows, or a public corpus as published."""

    ROWS = "rows"
    DSE = "dse"
    DSE_SILENCE = "dse-silence"
    GERNTSA = "gerntsa"
    MADTSC = "madtsc"
    NEWSMTSC = "newsmtsc"
    PERSENT = "persent"
    RUSENTNE = "rusentne"
    SEESAW = "seesaw"
    SEMEVAL2016 = "semeval2016"


Reader = Callable[[Path, Counter[str]], Iterator[Example]]
"""Yields the rows of a file (SEESAW: folder), counts what it leaves out, raises `InputError` for bad ones."""

READERS: Mapping[str, Reader] = {
    Format.DSE: read_dse,
    Format.DSE_SILENCE: read_dse_silence,
    Format.GERNTSA: read_gerntsa,
    Format.MADTSC: read_madtsc,
    Format.NEWSMTSC: read_newsmtsc,
    Format.PERSENT: read_persent,
    Format.RUSENTNE: read_rusentne,
    Format.SEESAW: read_seesaw,
    Format.SEMEVAL2016: read_semeval2016,
}
"""By format; `rows` is not among them."""
