"""The DSE reader, on invented lines in the published format."""

from collections import Counter
from pathlib import Path

import pytest
from conftest import SHARED

from partystance.errors import InputError
from partystance.labels.dse import read_dse, read_dse_silence, read_pairs

LINES = (
    "[Norland] accused [Sudland] of cheating.\tNorland\tSudland\t3\n"
    "Praise for the [United Provinces] came from [Mr Bel’]s aides.\tUnited Provinces\tMr Bel’\t2\n"
    "[Norland] met [Sudland].\tNorland\tSudland\t0\n"
    "[Norland] accused [Sudland] of cheating.\tNorland\tSudland\t3\n"
)


def write(folder: Path, text: str) -> Path:
    path = folder / "train.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_pairs_become_rows_with_holder_and_target(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    rows = list(read_dse(write(tmp_path, LINES), counts))
    assert [(row.party, row.label, row.holder) for row in rows] == [
        ("Sudland", "criticize", "Norland"),
        ("United Provinces", "support", "Mr Bel"),
    ]
    assert rows[1].text == "Praise for the United Provinces came from Mr Bel’s aides."
    assert counts == {
        "same pair again": 1,
        "no relation between the two entities": 1,
        "brackets mended": 1,
    }


def test_what_a_pair_does_not_say_becomes_neutral_rows_of_one_holder(tmp_path: Path) -> None:
    path = write(tmp_path, LINES)
    rows = list(read_dse_silence(path))
    assert [(row.party, row.label, row.holder) for row in rows] == [
        ("Norland", "neutral", "Sudland"),
        ("Mr Bel", "neutral", "United Provinces"),
        ("Sudland", "neutral", "Norland"),
        ("Norland", "neutral", "Sudland"),
    ]
    assert not {row.id for row in rows} & {row.id for row in read_dse(path)}


@pytest.mark.parametrize(
    ("marked", "surfaces"),
    [
        ("The [Sudlander]s thanked the [U. P.], twice.", ["Sudlanders", "U. P."]),
        ("in t[he Nort]h, [Bel’s] men", ["the North", "Bel"]),
        ("“[“Norland]” and [Sudland.]", ["Norland", "Sudland"]),
        ("[Crane Corp.] sued [Norland]", ["Crane Corp.", "Norland"]),
    ],
)
def test_cut_words_are_mended(marked: str, surfaces: list[str], tmp_path: Path) -> None:
    (pair,) = read_pairs(write(tmp_path, f"{marked}\tx\ty\t0\n"))
    assert pair.text == marked.replace("[", "").replace("]", "")
    assert [entity.surface for entity in pair.entities] == surfaces
    for entity in pair.entities:
        entity.check(pair.text)


def test_an_entity_of_punctuation_is_counted(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    assert list(read_pairs(write(tmp_path, "Norland[,] then [Sudland]\t,\tSudland\t0\n"), counts)) == []
    assert counts == {"an entity without a word in it": 1}


@pytest.mark.parametrize(
    "line",
    ["[A] met B.\tA\tB\t0\n", "[A] met [B].\tA\tB\t5\n", "[A] met [B].\tA\tB\n"],
)
def test_a_broken_line_is_named(line: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.txt.*2.*four columns"):
        list(read_pairs(write(tmp_path, LINES.splitlines(True)[0] + line)))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the corpora are not here")
def test_the_published_files_are_read() -> None:
    counts: Counter[str] = Counter()
    pairs = list(read_pairs(SHARED / "data" / "dse" / "valid.txt", counts))
    assert len(pairs) + sum(n for why, n in counts.items() if why != "brackets mended") == 1461
