"""Check `partystance annotate` against a real OpenAI-compatible server: llama.cpp, from PyPI, on the CPU.

    python data/llm_server_check.py

Makes an environment of its own in `data/built/llm-server` (210 MB, once), a random two-layer model that only
constrained decoding keeps to the schema, and labels 10 shipped rows. The labels mean nothing; what is checked
is that every one is valid, that a second run asks nothing, and that the same model without a schema gives no
label at all. Two or three minutes on two cores, half of them
backing off from the errors of the last run.
"""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from partystance.schema import LABELS, Example
from partystance.tables import read_examples, write_rows

HERE = Path(__file__).parent
ROWS = HERE / "labels" / "invented.jsonl"
PACKAGES = ("xllamacpp==2026.10.11549", "gguf==0.19.0")
MODEL = "random"
SCORED, OPEN = 5, 5


def main(
    environment: Annotated[Path, typer.Option(help="where the server is installed")] = HERE
    / "built/llm-server",
) -> None:
    """Start the server, annotate ten rows, check what came."""
    python = installed(environment)
    with tempfile.TemporaryDirectory() as folder, served(python, Path(folder)) as url:
        rows, out = Path(folder) / "rows.jsonl", Path(folder) / "out.jsonl"
        write_rows(rows, (row.to_row() for row in ten_rows()))
        first = annotate(rows, out, url)
        expect(first.returncode == 0, "the first run ends well")
        show_and_check(list(read_examples(out)))
        again = annotate(rows, out, url)
        plain = annotate(rows, out, url, "--answer-format", "json_object", "--limit", "2")
        expect("requests  10 to make" in first.stderr, "the first run asks 10 times")
        expect(again.returncode == 0 and "requests  0 to make" in again.stderr, "the second run asks nothing")
        expect(plain.returncode == 1, "without a schema the same model gives no label")


def installed(environment: Path) -> Path:
    """Return the Python of the server's environment, made where there is none."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


@contextmanager
def served(python: Path, folder: Path) -> Iterator[str]:
    """Run the server; yield its base URL."""
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(
            [python, HERE / "llm_tiny_server.py", folder / "random.gguf"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdout
        address = server.stdout.readline().strip()
        if not address:
            sys.exit((folder / "server.log").read_text())
        try:
            yield f"{address}/v1"
        finally:
            server.kill()


def ten_rows() -> list[Example]:
    """Return five labelled rows to be scored on and five without a label."""
    rows = list(islice(read_examples(ROWS), 0, None, 300))[: SCORED + OPEN]  # of different articles
    return rows[:SCORED] + [replace(row, label="", holder="", label_source="") for row in rows[SCORED:]]


def annotate(rows: Path, out: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command, show what it says."""
    files = [rows, "--out", out, "--cache", out.with_name("cache.sqlite")]
    options = f"--model {MODEL} --base-url {url} --min-scored {SCORED} --temperature 1".split()
    result = subprocess.run(
        [sys.executable, "-m", "partystance", "annotate", *files, *options, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in result.stderr.splitlines() if "%|" not in line]  # no progress bars
    print("$ partystance annotate rows.jsonl", *more)
    print(*told, result.stdout, sep="\n")
    return result


def show_and_check(rows: list[Example]) -> None:
    """Print what the model said; every row must have a valid label of it."""
    for row in rows:
        (said,) = [a for a in row.annotations if a.annotator == f"llm:{MODEL}"]
        print(f"{row.id:<20} {said.label:<10} {row.label_source:<12} holder {said.holder!r:.40}")
        expect(said.label in LABELS, f"{row.id} has a valid label", quiet=True)
    expect(sum(row.label_source == f"llm:{MODEL}" for row in rows) == OPEN, f"{OPEN} rows took its label")


def expect(truth: bool, what: str, quiet: bool = False) -> None:
    """Say that something holds, or end here."""
    if not truth:
        sys.exit(f"NOT so: {what}")
    if not quiet:
        print(f"ok: {what}")


if __name__ == "__main__":
    typer.run(main)
