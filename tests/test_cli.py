"""The command as its user meets it: real files, a real (tiny) model, and mistakes."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from partystance.cli import app
from partystance.console import readable_errors
from partystance.schema import LABELS

ARTICLE = "Talks fail\n\nNorway accused Turkey of stalling. Iran left.\nNobody spoke.\n"
TWO_PARTIES = (
    "parties:\n  - {id: norway, name: Norway, kind: country}\n  - {id: turkey, name: Turkey, kind: country}\n"
)


@pytest.fixture
def article(tmp_path: Path) -> Path:
    path = tmp_path / "talks.txt"
    path.write_text(ARTICLE, encoding="utf-8")
    return path


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_mentions_lists_offsets_into_the_article(article: Path) -> None:
    code, out, _ = run("mentions", article)
    assert code == 0
    rows = list(csv.DictReader(out.splitlines(), delimiter="\t"))
    assert [row["party"] for row in rows] == ["norway", "turkey", "iran"]
    for row in rows:
        start, end = map(int, row["offsets"].split("-"))
        assert ARTICLE[start:end] == row["words"]


def test_mentions_takes_other_registries(article: Path, tmp_path: Path) -> None:
    registry = tmp_path / "two.yaml"
    registry.write_text(TWO_PARTIES)
    code, out, _ = run("mentions", article, "--parties", registry)
    assert code == 0
    assert [line.split("\t")[3] for line in out.splitlines()[1:]] == ["norway", "turkey"]


def test_predict_writes_the_same_stances_to_every_format(
    article: Path, tiny_run: Path, tmp_path: Path
) -> None:
    names = ["s.csv", "s.jsonl", "s.parquet", "s.html"]
    outs = [argument for name in names for argument in ("--out", tmp_path / "out" / name)]
    code, _, err = run("predict", article, "--model", tiny_run, *outs)
    assert code == 0, err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    table = pq.read_table(tmp_path / "out" / "s.parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "out" / "s.jsonl").read_text().splitlines()]
    cells = list(csv.DictReader((tmp_path / "out" / "s.csv").open(encoding="utf-8-sig")))
    assert [row["party"] for row in table] == ["norway", "turkey", "iran"]
    assert [row["id"] for row in lines] == [row["id"] for row in cells] == [row["id"] for row in table]
    for row in table:
        assert ARTICLE[row["sentence_start"] : row["sentence_end"]] == row["text"]
        probabilities = {label: row[f"p_{label}"] for label in LABELS}
        assert row["label"] == max(probabilities, key=lambda label: probabilities[label])
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    page = re.sub(r"<[^>]+>", "", (tmp_path / "out" / "s.html").read_text(encoding="utf-8"))
    assert "Norway accused Turkey of stalling." in page


def test_report_draws_the_page_of_a_table(article: Path, tiny_run: Path, tmp_path: Path) -> None:
    table, page, again = (tmp_path / name for name in ("s.parquet", "a.html", "b.html"))
    run("predict", article, "--model", tiny_run, "--out", table, "--out", page)
    code, _, err = run("report", table, "--articles", article, "--out", again)
    assert code == 0, err
    assert again.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mentions", "nowhere.txt"], "nowhere.txt"),
        (["mentions", "{article}", "--column", "text"], "field=column"),
        (["mentions", "{article}", "--parties", "none.yaml"], "none.yaml"),
        (["predict", "nowhere.txt"], "nowhere.txt"),
        (["predict", "{article}", "--model", "models/none"], "models/none"),
        (["predict", "{article}", "--model", "models/none", "--out", "s.csv"], "models/none"),
        (["predict", "{article}", "--model", "{run}", "--out", "s.xlsx"], "s.xlsx"),
        (["predict", "{article}", "--model", "{run}", "--out", "a.html", "--out", "b.html"], "one page"),
        (["report", "{article}", "--articles", "{article}"], "talks.txt"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: list[str],
    message: str,
    article: Path,
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    code, out, err = run(*(a.format(article=article, run=tiny_run) for a in arguments))
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not out
    assert sorted(tmp_path.iterdir()) == before


def test_an_empty_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    code, _, err = run("mentions", tmp_path / "empty.txt")
    assert code == 1
    assert "empty.txt" in err


def test_skipped_records_are_counted_and_strict_stops(tmp_path: Path) -> None:
    table = tmp_path / "a.jsonl"
    table.write_text('{"text": "Norway won."}\n{"text": \n{"text": "Iran lost."}\n')
    code, out, err = run("mentions", table)
    assert code == 0
    assert [line.split("\t")[3] for line in out.splitlines()[1:]] == ["norway", "iran"]
    assert "2 articles" in err
    assert "1" in err.split("2 articles")[1]
    code, _, err = run("mentions", table, "--strict")
    assert code == 1
    assert f"{table}:2" in err


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_leaves_the_old_table(tiny_run: Path, tmp_path: Path) -> None:
    corpus, table = tmp_path / "many.jsonl", tmp_path / "s.csv"
    with corpus.open("w") as stream:
        for number in range(30_000):
            stream.write(
                json.dumps({"text": f"Norway accused Turkey of stalling, for the {number}th time."}) + "\n"
            )
    table.write_text("old")
    command = [sys.executable, "-m", "partystance", "predict", corpus, "--model", tiny_run, "--out", table]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 60
    while not list(tmp_path.glob(".s.csv.*.tmp")) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert table.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.jsonl", "s.csv"]


def test_an_interrupt_that_a_library_turns_into_an_import_error_is_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """So does CTranslate2's extension when Ctrl-C meets it while it is loaded."""
    with pytest.raises(SystemExit) as stop, readable_errors("nothing lost"):
        raise ImportError("initialization failed") from KeyboardInterrupt()
    assert stop.value.code == 130
    assert "interrupted: nothing lost" in capsys.readouterr().err
    with pytest.raises(ImportError, match="broken"), readable_errors():
        raise ImportError("broken")


def test_a_place_that_cannot_be_written_is_named(article: Path, tiny_run: Path) -> None:
    out = article / "stances.csv"  # inside what is a file
    code, _, err = run("predict", article, "--model", tiny_run, "--out", out)
    assert code == 1
    assert re.search(
        rf"^error: .*{re.escape(str(article))}.*: (Not a directory|File exists)$", err, re.MULTILINE
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_an_error_and_a_closed_pipe_is_none(article: Path) -> None:
    command = [sys.executable, "-m", "partystance", "mentions", str(article)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "error: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr.lower()
