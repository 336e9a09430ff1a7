"""Articles in, from every format; nothing broken gets a traceback, nothing skipped goes uncounted."""

import contextlib
import io
import json
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
    assert [article.doc_id for article in articles] == ["a", "b", "c"]


def test_files_of_one_name_get_different_ids(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.txt", TEXT)
    write(tmp_path / "y" / "a.txt", TEXT)
    _, articles = finished(tmp_path)
    assert len({article.doc_id for article in articles}) == 2


@pytest.mark.parametrize(
    ("content", "ids"), [(TEXT, ["stdin"]), ('\n{"text": "a"}\n{"text": "b"}\n', ["stdin:2", "stdin:3"])]
)
def test_standard_input_is_an_article_or_json_lines(
    content: str, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    _, articles = finished("-")
    assert [article.doc_id for article in articles] == ids


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
    ("a.csv", b"", "empty file", None),
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


def test_only_broken_records_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl:1: not valid JSON"):
        finished(write(tmp_path / "a.jsonl", "{\n{\n"))


def test_a_line_of_50_mb_costs_little_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "' + b"x" * 50_000_000 + b'"}\n' + GOOD.encode())
    tracemalloc.start()
    _, articles = finished(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [article.doc_id for article in articles] == ["a:2"]
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
        (["empty"], "no articles in this folder"),
        (["a.docx"], "unknown kind of file '.docx' \\(known: .txt"),
    ],
)
def test_an_input_that_is_not_there_is_always_an_error(
    inputs: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    with pytest.raises(InputError, match="no column 'paper'"):
        list(read_articles([path], columns={"text": "texts", "outlet": "paper"}))


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
