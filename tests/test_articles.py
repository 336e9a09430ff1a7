"""Articles in, from every format; nothing broken gets a traceback, nothing skipped goes uncounted."""

import contextlib
import gzip
import io
import json
import random
import sys
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partystance.articles import ArticleReader, read_articles
from partystance.errors import InputError, PartystanceError
from partystance.schema import Article

TEXT = "Talks fail\n\nNorway accused Türkiye 🇹🇷 of stalling.\n"
PAGE = """<html><head><title>Talks fail</title><meta property="og:site_name" content="The Fjord Post">
<meta property="article:published_time" content="2024-05-14T08:00:00Z"></head><body><nav><a href="/">Home</a>
<a href="/sport">Sport</a></nav><article><h1>Talks fail</h1>%s</article><footer>All rights reserved</footer>
</body></html>""".replace(
    "%s",
    "".join(
        f"<p>Norway accused Turkey of stalling for the {n}th time, and the ministers went home with no word "
        "to the press that had waited in the rain since the early morning.</p>"
        for n in range(4, 9)
    ),
)


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def only(path: Path, **options: object) -> Article:
    (article,) = read_articles([path], **options)  # type: ignore[arg-type]
    return article


def finished(*inputs: Path | str) -> tuple[ArticleReader, list[Article]]:
    reader = read_articles(inputs)
    return reader, list(reader)


@pytest.mark.parametrize(("name", "package"), [("a.html", "trafilatura"), ("a.parquet", "pyarrow")])
def test_what_a_format_needs_is_named(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(PartystanceError, match=rf"{name}: .* needs .*{package}: pip .*\[formats\]"):
        only(write(tmp_path / name, PAGE))


def test_plain_text_is_left_alone_and_its_first_line_is_the_title(tmp_path: Path) -> None:
    article = only(write(tmp_path / "talks.txt", "\ufeff\n" + TEXT))
    assert article.text == "\n" + TEXT
    assert (article.doc_id, article.title) == ("talks", "Talks fail")


def test_windows_line_ends_stay(tmp_path: Path) -> None:
    assert only(write(tmp_path / "a.txt", "Title\r\n\r\nBody\r\n")).text == "Title\r\n\r\nBody\r\n"


def test_a_saved_page_gives_title_body_and_provenance_but_no_menu(tmp_path: Path) -> None:
    article = only(write(tmp_path / "talks.html", PAGE))
    assert article.text.startswith("Talks fail\n\nNorway accused Turkey of stalling for the 4th time")
    assert "8th time" in article.text
    assert "Sport" not in article.text
    assert "rights reserved" not in article.text
    assert (article.title, article.outlet, article.date) == ("Talks fail", "The Fjord Post", "2024-05-14")


def test_a_body_that_begins_with_the_words_of_the_title_keeps_them(tmp_path: Path) -> None:
    page = PAGE.replace("<h1>Talks fail</h1>", "<p>Talks fail to start in Oslo, after a week of waiting.</p>")
    assert only(write(tmp_path / "a.html", page)).text.startswith("Talks fail\n\nTalks fail to start in Oslo")


def test_a_page_in_another_encoding_is_read(tmp_path: Path) -> None:
    page = PAGE.replace("<head>", '<head><meta charset="iso-8859-1">').replace("ministers", "ministères")
    assert "ministères" in only(write(tmp_path / "a.html", page.encode("latin-1"))).text


FIELDS = {
    "doc_id": "a1",
    "text": TEXT,
    "title": "Talks",
    "outlet": "Post",
    "date": "2031-05-14",
    "url": "https://x.org",
}


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet"])
def test_tables_carry_every_field(suffix: str, tmp_path: Path) -> None:
    path = table(tmp_path / f"t{suffix}", [FIELDS])
    article = only(path)
    assert {field: getattr(article, field) for field in FIELDS} == FIELDS


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_columns_can_be_mapped(suffix: str, tmp_path: Path) -> None:
    path = table(tmp_path / f"t{suffix}", [{"body": TEXT, "paper": "Post", "id": "7"}])
    article = only(path, columns={"text": "body", "outlet": "paper"})
    assert (article.text, article.outlet, article.doc_id) == (TEXT, "Post", "7")


def table(path: Path, rows: list[dict[str, str]]) -> Path:
    import csv

    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case suffix:
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if suffix == ".tsv" else ",")
                writer.writeheader()
                writer.writerows(rows)
    return path


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
                      .filter(str.strip), min_size=1, max_size=5))  # fmt: skip
def test_every_table_gives_back_any_text(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    for suffix in (".jsonl", ".csv", ".parquet"):
        path = table(tmp_path_factory.mktemp("t") / f"t{suffix}", [{"text": text} for text in texts])
        assert [article.text for article in read_articles([path])] == texts


def test_folders_globs_and_files_are_found_sorted_and_once(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "deep/c.txt", "deep/notes.md"):
        write(tmp_path / name, TEXT)
    reader, articles = finished(tmp_path, tmp_path / "*.txt", tmp_path / "b.txt")
    assert [path.relative_to(tmp_path).as_posix() for path in reader.files] == [
        "a.txt",
        "b.txt",
        "deep/c.txt",
    ]
    assert [article.doc_id for article in articles] == ["a", "b", "deep/c"]


def test_a_file_given_twice_by_different_paths_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", TEXT)
    (tmp_path / "deep").mkdir()
    assert read_articles([path, tmp_path / "deep" / ".." / "a.txt", tmp_path]).files == [path]


def test_files_of_one_name_get_different_ids(tmp_path: Path) -> None:
    for name in ("x/a.txt", "y/a.txt", "y/a.html", "y/b.txt", "y/b.jsonl", "y/b.csv"):
        write(
            tmp_path / name, {"html": PAGE, "jsonl": GOOD, "csv": "text\nx\n"}.get(name.split(".")[1], TEXT)
        )
    _, articles = finished(tmp_path)
    assert [article.doc_id for article in articles] == [
        "x/a", "y/a.html", "y/a.txt", "y/b.csv:2", "y/b.jsonl:1", "y/b.txt",
    ]  # fmt: skip
    _, articles = finished(*(tmp_path / folder / "a.txt" for folder in "xy"))
    assert [article.doc_id for article in articles] == [(tmp_path / f / "a.txt").as_posix() for f in "xy"]


def test_a_repeated_id_is_counted_or_with_strict_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"id": 0, "text": "a"}\n{"id": 1, "text": "b"}\n{"id": 0, "text": "c"}\n'
    )
    reader, articles = finished(path)
    assert [article.doc_id for article in articles] == ["0", "1", "0"]
    assert reader.summary() == "3 articles, 1 of them with the id of an earlier one"
    with pytest.raises(PartystanceError, match=r"a\.jsonl:3: an earlier article has the id '0' too"):
        list(read_articles([path], strict=True))


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".csv", ".tsv"])
def test_packed_tables_are_read_as_far_as_they_go(suffix: str, tmp_path: Path) -> None:
    head, row = ("", GOOD) if "j" in suffix else ("text\n", "Norway won.")
    noise = [random.Random(n).randbytes(40).hex() for n in range(2_000)]
    packed = gzip.compress((head + "".join(row.replace("won", n) + "\n" for n in noise)).encode())
    whole = write(tmp_path / f"whole{suffix}.gz", packed)
    assert [article.text for article in read_articles([whole])] == [f"Norway {n}." for n in noise]
    reader, articles = finished(write(tmp_path / f"cut{suffix}.gz", packed[: len(packed) // 2]))
    assert 100 < len(articles) < 2_000
    assert articles[0].doc_id in ("cut:1", "cut:2")
    assert [(p.line, p.reason.split(":")[0]) for p in reader.problems] == [
        (None, "cannot be read to its end")
    ]


def test_a_file_that_goes_away_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "good.jsonl", GOOD)
    gone = [
        write(tmp_path / f"gone{suffix}", GOOD) for suffix in (".txt", ".html", ".jsonl", ".csv", ".parquet")
    ]
    reader = read_articles(tmp_path)
    for path in gone:
        path.unlink()
    assert len(list(reader)) == 1
    assert sorted(problem.path for problem in reader.problems) == sorted(map(str, gone))


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (TEXT, ["stdin"]),
        ("\n \n" + TEXT, ["stdin"]),
        ('\n{"text": "a"}\n{"text": "b"}\n', ["stdin:2", "stdin:3"]),
        ('\ufeff{"text": "a"}\n', ["stdin:1"]),
    ],
)
def test_standard_input_is_an_article_or_json_lines(
    content: str, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    _, articles = finished("-")
    assert [article.doc_id for article in articles] == ids
    assert articles[0].text in (content, "a")


GOOD = '{"text": "Norway won."}'
BROKEN = [
    ("a.txt", b"", "empty file", None),
    ("a.txt", b" \n\t\n", "empty file", None),
    ("a.txt", "Türkiye".encode("latin-1"), "not UTF-8", None),
    ("a.txt", "Norway".encode("utf-16"), "not UTF-8", None),
    ("a.txt", b"Nor\0way", "NUL bytes", None),
    ("a.txt", b"x" * 10_000_001, "larger than 10 MB", None),
    ("a.html", b"<html><body></body></html>", "no article text", None),
    ("a.html", b"", "empty file", None),
    ("a.jsonl", b"", "empty file", None),
    ("a.jsonl", b'{"text": \n', "not valid JSON", 1),
    ("a.jsonl", b"[1]\n", "not a JSON object", 1),
    ("a.jsonl", b"[" * 100_000 + b"\n", "not valid JSON", 1),
    ("a.jsonl", b'{"body": "x"}\n', "no field 'text'", 1),
    ("a.jsonl", b'{"text": 3}\n', "field 'text' is int, not text", 1),
    ("a.jsonl", b'{"text": " "}\n', "empty text", 1),
    ("a.jsonl", b'{"text": "\\ud800"}\n', "not UTF-8", 1),
    ("a.jsonl", b'{"text": "T\xfcrkiye"}\n', "not UTF-8", 1),
    ("a.jsonl", b'{"text": "Nor\\u0000way"}\n', "NUL bytes", 1),
    ("a.jsonl", b'{"text": "x", "title": "\\udcff"}\n', "not UTF-8", 1),
    ("a.jsonl", b'{"text": "x"', "not valid JSON", 1),
    ("a.csv", b"", "empty file", None),
    ("a.csv", "text\nNorway won.\n".encode("utf-16"), "not UTF-8", 1),
    ("a.csv", b"text,title\nx,T\xfcrkiye\n", "not UTF-8", 2),
    ("a.csv", b'text\n"x\ny\n', "a quote never closed", 2),
    ("a.csv", b'text,url\n"A "no" and\n rest",x\nok,y\n', "the rest is not read", 2),
    ("a.csv", b'text\n"' + b"x y z x y z x y z\n" * 560_000 + b'"\n', "the rest is not read", 2),
    ("a.csv", b"text\n" + b"x" * 10_000_001 + b"\n", "larger than 10 MB", 2),
    ("a.jsonl.gz", b"not packed", "cannot be read to its end", None),
    ("a.csv", b"text,url\nx\n", "more or fewer cells", 2),
    ("a.csv", b'text\n"x" y\n', "not valid CSV", 2),
    ("a.csv", b"text\nT\xfcrkiye\n", "not UTF-8", 2),
    ("a.parquet", b"PAR1", "not a readable Parquet file", None),
]


@pytest.mark.parametrize(("name", "content", "reason", "line"), BROKEN)
def test_a_broken_record_is_skipped_and_counted_or_with_strict_named(
    name: str, content: bytes, reason: str, line: int | None, tmp_path: Path
) -> None:
    broken, good = write(tmp_path / name, content), write(tmp_path / "good.jsonl", GOOD)
    reader, articles = finished(broken, good)
    assert [article.text for article in articles] == ["Norway won."]
    assert reader.skipped.total() == 1
    (problem,) = reader.problems
    assert reason in problem.reason
    assert problem.line == line
    assert "1 article, 1 skipped" in reader.summary()
    where = f"{broken}:{line}: " if line else f"{broken}: "
    with pytest.raises(InputError) as error:
        list(read_articles([broken, good], strict=True))
    assert str(error.value).startswith(where)


def test_the_records_around_a_broken_one_are_kept(tmp_path: Path) -> None:
    lines = [GOOD.encode(), b'{"text": "' + b"x" * 10_000_001 + b'"}', b"\xff", GOOD.encode(), b"", b"{}"]
    reader, articles = finished(write(tmp_path / "a.jsonl", b"\n".join(lines)))
    assert [article.doc_id for article in articles] == ["a:1", "a:4"]
    assert [problem.line for problem in reader.problems] == [2, 3, 6]


def test_the_csv_records_around_a_broken_one_are_kept(tmp_path: Path) -> None:
    broken = ['"x" y', "x" * 50_000_000, f'"{"x" * 50_000_000}"', '"two\nlines"', "T\xfcrkiye"]
    lines = "\n".join(["text", "first", *broken, "", "last"]).encode("latin-1")
    reader, articles = finished(write(tmp_path / "a.csv", lines))
    assert [article.doc_id for article in articles] == ["a:2", "a:6", "a:10"]
    assert [problem.line for problem in reader.problems] == [3, 4, 5, 8]


def test_a_parquet_row_that_is_not_utf8_is_skipped_alone(tmp_path: Path) -> None:
    raw = pa.array([b"one", b"T\xfcrkiye", b"three"], pa.binary())
    unchecked = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"text": unchecked}), tmp_path / "a.parquet")
    reader, articles = finished(tmp_path / "a.parquet")
    assert [article.doc_id for article in articles] == ["a:1", "a:3"]
    assert [(problem.line, problem.reason[:9]) for problem in reader.problems] == [(2, "not UTF-8")]


@pytest.mark.parametrize(("suffix", "content"), [(".csv", b"text,title\n"), (".parquet", None)])
def test_a_table_without_rows_is_an_error_when_it_is_all_there_is(
    suffix: str, content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    if content is None:
        pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    else:
        write(path, content)
    with pytest.raises(InputError, match="no article in it"):
        finished(path)
    assert len(finished(path, write(tmp_path / "good.jsonl", GOOD))[1]) == 1


@settings(max_examples=40, deadline=None)
@given(kinds=st.lists(st.sampled_from(["good", "broken", "empty", "blank"]), max_size=30))
def test_every_record_is_an_article_or_counted(
    kinds: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("f")
    lines = {"good": GOOD, "broken": "{", "empty": '{"text": ""}', "blank": ""}
    cells = {"good": "Norway won.,", "broken": "x", "empty": ",", "blank": ""}
    write(folder / "a.jsonl", "\n".join([GOOD, *(lines[kind] for kind in kinds)]))
    write(folder / "a.csv", "\n".join(["text,url", "x,", *(cells[kind] for kind in kinds)]))
    reader, articles = finished(folder)
    assert len(articles) == reader.articles == 2 + 2 * kinds.count("good")
    assert reader.skipped.total() == 2 * (kinds.count("broken") + kinds.count("empty"))


def test_a_parquet_file_cut_short_is_counted(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", [{"text": f"Norway won {n} times."} for n in range(5_000)])
    path.write_bytes(path.read_bytes()[:-200])
    reader, articles = finished(path, write(tmp_path / "good.jsonl", GOOD))
    assert len(articles) == 1
    assert reader.skipped == {"not a readable Parquet file": 1}


def test_problems_are_counted_beyond_those_kept(tmp_path: Path) -> None:
    reader, _ = finished(write(tmp_path / "a.jsonl", "{\n" * 1_000 + GOOD))
    assert reader.skipped == {"not valid JSON": 1_000}
    assert len(reader.problems) < 50


def test_only_broken_records_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl:1: not valid JSON"):
        finished(write(tmp_path / "a.jsonl", "{\n{\n"))


@pytest.mark.parametrize(
    ("suffix", "before", "after"),
    [(".jsonl", b'{"text": "', b'"}\n' + GOOD.encode()), (".csv", b"text\n", b"\nNorway won.\n")],
)
def test_a_line_of_50_mb_costs_little_memory(
    suffix: str, before: bytes, after: bytes, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a{suffix}", before + b"x" * 50_000_000 + after)
    tracemalloc.start()
    _, articles = finished(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [article.doc_id for article in articles] in (["a:2"], ["a:3"])
    assert peak_bytes < 45_000_000


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", (json.dumps({"text": "x" * 10_000}) + "\n") * 3_000)
    tracemalloc.start()
    assert sum(1 for _ in read_articles([path])) == 3_000
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2_000_000


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["none.txt"], "none.txt: no such file"),
        (["*.none"], "no such file, folder or glob"),
        (["Talks fail. " * 500], "Talks fail.*cannot be opened: File name too long"),
        ("none.txt", "none.txt: no such file"),
        (["empty"], "no articles in this folder"),
        (["a.docx"], "unknown kind of file '.docx' \\(known: .txt"),
    ],
)
def test_an_input_that_is_not_there_is_always_an_error(
    inputs: list[str] | str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write(tmp_path / "a.docx", "x")
    with pytest.raises(InputError, match=message):
        read_articles(inputs)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_missing_column_names_the_nearest(suffix: str, tmp_path: Path) -> None:
    path = table(tmp_path / f"t{suffix}", [{"texts": "Norway won.", "outlet": "Post"}])
    with pytest.raises(
        InputError, match=r"no column 'text' \(did you mean 'texts'\?\); say --column text=NAME"
    ):
        list(read_articles([path]))
    repeated = write(tmp_path / "r.csv", "text,text\na,b\n")
    with pytest.raises(InputError, match="two columns are called 'text'"):
        list(read_articles([repeated]))
    with pytest.raises(InputError, match="no column 'paper'"):
        list(read_articles([path], columns={"text": "texts", "outlet": "paper"}))


def test_a_missing_json_field_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"texts": "Norway won."}')
    with pytest.raises(InputError, match=r"a\.jsonl:1: no field 'text' \(did you mean 'texts'\?\)"):
        list(read_articles([path], strict=True))


def test_an_unknown_field_names_the_nearest() -> None:
    with pytest.raises(PartystanceError, match=r"unknown field 'txt'.*did you mean 'text'"):
        read_articles([], columns={"txt": "body"})


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(max_size=200), suffix=st.sampled_from([".txt", ".jsonl", ".csv", ".parquet", ".html"])
)
def test_no_bytes_break_the_reader(
    content: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("f") / f"a{suffix}", content)
    with contextlib.suppress(InputError):
        assert all(article.text.strip() for article in read_articles([path]))
