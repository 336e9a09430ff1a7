"""The notebooks run in a copy of the checkout, write only where told, and never show the test split."""

import html
import json
import os
import re
import runpy
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from partystance.schema import Example, Mention
from partystance.tables import read_examples

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEEDED = ("configs", "data", "notebooks", "train")
WRITTEN = {"01-look-at-the-data": {"dataset"}, "02-train-and-look-at-errors": {"dataset", "run"}}
FIGURES = {"01-look-at-the-data": 4, "02-train-and-look-at-errors": 5}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What of a fresh clone the notebooks use; nothing built."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in NEEDED:
        ignored = shutil.ignore_patterns("built", "__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@dataclass(frozen=True)
class Executed:
    """A notebook that ran, and the folder it was told to write to."""

    notebook: Any
    work: Path


def execute(path: Path, work: Path) -> Executed:
    settings = {"PARTYSTANCE_NOTEBOOKS": str(work), "PARTYSTANCE_NOTEBOOK_EPOCHS": "0.1"}
    settings |= {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}})
    return Executed(client.execute(env=os.environ | settings), work)


@pytest.fixture(scope="module")
def executed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Executed]:
    """Both notebooks, run side by side: most of their time is imports, on one core each."""
    before = content(checkout)
    paths = [checkout / "notebooks" / path.name for path in NOTEBOOKS]
    folders = [tmp_path_factory.mktemp(path.stem) for path in paths]
    with ThreadPoolExecutor() as pool:
        runs = dict(zip([path.stem for path in paths], pool.map(execute, paths, folders), strict=True))
    assert content(checkout) == before
    return runs


def outputs(notebook: Any) -> list[dict[str, Any]]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def shown_text(notebook: Any) -> str:
    """All that a reader sees of the outputs but the figures, without tags."""
    texts = []
    for output in outputs(notebook):
        data = output.get("data", {})
        texts.append(output.get("text", "") or data.get("text/html", data.get("text/plain", "")))
    return html.unescape(re.sub("<[^>]+>", "", "\n".join(texts)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, executed: dict[str, Executed]) -> None:
    notebook, work = executed[path.stem].notebook, executed[path.stem].work
    assert {entry.name for entry in work.iterdir()} == WRITTEN[path.stem]

    kinds = Counter(kind for output in outputs(notebook) for kind in output.get("data", {}))
    assert kinds["image/png"] == FIGURES[path.stem]
    assert kinds["text/html"] >= 2
    assert not [output for output in outputs(notebook) if output.get("name") == "stderr"]

    text = shown_text(notebook)
    shown = {
        split: [row.id for row in read_examples(work / "dataset" / f"{split}.parquet") if row.text in text]
        for split in ("train", "validation", "test")
    }
    assert shown["train"] or shown["validation"]
    assert not shown["test"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_no_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_words_before_every_cell(path: Path) -> None:
    kinds = ["code"] + [cell.cell_type for cell in nbformat.read(path, as_version=4).cells]
    bare = [i for i in range(1, len(kinds)) if kinds[i] == kinds[i - 1] == "code"]
    assert not bare, f"code cells without a word before them: {bare}"


def test_sentences_are_escaped() -> None:
    helpers = runpy.run_path(str(ROOT / "notebooks" / "helpers.py"))
    row = Example("1", "<b>Arvenia</b> & <i>Norway</i>", "norway", (Mention(20, 26, "Norway"),))
    page = helpers["table"]([{"<u>": helpers["marked"](row, "support"), "holder": "<script>"}]).data
    assert "&lt;b&gt;Arvenia&lt;/b&gt; &amp; &lt;i&gt;<mark" in page
    assert ">Norway</mark>&lt;/i&gt;" in page
    assert not re.search("<(b|i|u|script)>", page)
