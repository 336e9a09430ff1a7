"""Rows to the real Label Studio and back: start it, label in it, export, and compare with what was said.

    python data/label_studio_roundtrip.py
    python data/label_studio_roundtrip.py --screenshot docs/images/label-studio.png

Installs Label Studio from PyPI into an environment of its own (1.2 GB; kept under --work for the next
run), starts it on 127.0.0.1 with a throw-away SQLite file, makes a project from
`configs/annotation/label_studio.xml`, imports 35 tasks, and lets two people label: each signs up and sends
what the page would send. One labels all but one task; the other labels some, agrees on half of those, skips,
and changes their mind once. Two exports (one early, so that answers repeat) and a snapshot go through our
importer, which must return exactly those stances, holders, marks and names. Then the server is stopped. Four
minutes on two busy cores, after minutes of installing.

With --screenshot a third person opens the labelling page in Chromium (/usr/bin/chromium, driven by
`data/label_studio_page.py`), takes its picture, chooses by keyboard, and submits.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from label_studio_client import Person

from partystance.exchange import label_studio, tools
from partystance.exchange.merge import Findings
from partystance.exchange.tools import ToolName
from partystance.schema import LABELS, Example, Mention
from partystance.tables import read_examples

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "data" / "labels" / "invented.jsonl"
CONFIG = ROOT / "configs" / "annotation" / "label_studio.xml"
PACKAGES = ("label-studio==1.23.2", "playwright==1.65.2")
ANN, BEN, EVE = "ann@example.org", "ben@example.org", "eve@example.org"
SHIPPED, STEP = 30, 97
"""How many shipped rows, and every which one of them."""
IN_PAGE = 4
"""How many tasks are labelled in the page itself."""
START_SECONDS = 600

ODD_TEXTS = (
    "Norland's envoy thanked Arvenia for the truce, then accused Arvenia's navy of shelling a port.",
    "\U0001f54a️ Norland's envoy thanked Arvenia \U0001f64f for the ceasefire, then accused Arvenia's navy of "
    "shelling the port of Kest.",
    "  Norland left the hall.\r\nNobody in Arvenia\tnoticed. ",
    "שלום, said Arvenia; 北国 ignored Arvenia, e\u0301tonne\u0301.",
    '=Arvenia("never") & <b>Arvenia</b> $party {{text}}',
)
"""Made up: a plain one for the picture, then emoji before a mention, white space, other scripts, markup."""

Said = dict[str, dict[str, tuple[str, str]]]
"""What was said, by row and annotator: stance and holder."""


def rows_to_label() -> list[Example]:
    """Return shipped rows without their annotators, and one for each odd text."""
    shipped = islice(read_examples(ROWS), 0, SHIPPED * STEP, STEP)
    return [odd_row(n, text) for n, text in enumerate(ODD_TEXTS)] + [
        replace(r, annotations=()) for r in shipped
    ]


def odd_row(number: int, text: str) -> Example:
    """Make a row about every Arvenia in a text, with a label that a rule gave."""
    starts = [i for i in range(len(text)) if text.startswith("Arvenia", i)]
    mentions = tuple(Mention(i, i + 7, "Arvenia") for i in starts)
    return Example(
        id=f"odd:{number}",
        text=text,
        party="arvenia",
        mentions=mentions,
        label="criticize",
        holder="norland",
        label_source="rule",
        title="Ceasefire in Kest",
    )


def environment(work: Path, packages: tuple[str, ...]) -> Path:
    """Return the folder of programs of an environment with some packages in it, made if need be."""
    folder = work / "venv"
    if not (folder / "installed").exists():
        print(f"installing {' '.join(packages)} into {folder}")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True, timeout=1800)
        (folder / "installed").touch()
    return folder / "bin"


@contextmanager
def server(binaries: Path, state: Path) -> Iterator[str]:
    """Run Label Studio on a free port of 127.0.0.1, its data in `state`; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    quiet = dict.fromkeys(("COLLECT_ANALYTICS", "LATEST_VERSION_CHECK", "DEBUG"), "0")
    quiet |= dict.fromkeys(("SENTRY_DSN", "FRONTEND_SENTRY_DSN"), "")  # reports no errors to its makers
    command = [binaries / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1"]
    command += ["--port", port, "--data-dir", state]
    with (state / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | quiet, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}", process, state / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers. Raises `SystemExit` if it ends, or takes too long."""
    for _ in range(START_SECONDS):
        if process.poll() is not None:
            break
        try:
            Person(address).get("/health")
            return
        except (URLError, HTTPError, OSError):
            time.sleep(1)
    raise SystemExit(f"Label Studio did not start: {log.read_text(errors='replace')[-2000:]}")


def set_up(ann: Person, tasks: Path) -> int:
    """Create the project from our config, import the tasks; return its number."""
    config = CONFIG.read_text(encoding="utf-8")
    made = ann.post("/api/projects", {"title": "Stance", "label_config": config, "maximum_annotations": 3})
    answer = ann.post(f"/api/projects/{made['id']}/import", json.loads(tasks.read_text(encoding="utf-8")))
    print(f"project {made['id']}: {answer['task_count']} tasks, {answer['prediction_count']} suggestions")
    return made["id"]


def answer(person: Person, task: dict[str, Any], label: str, holder: str) -> dict[str, Any]:
    """Submit a stance with the marks as they were suggested; return the annotation."""
    marks = [item for item in task["predictions"][0]["result"] if item["from_name"] == label_studio.PARTY]
    chosen = {"id": "s", "from_name": label_studio.STANCE, "type": "choices", "value": {"choices": [label]}}
    named = {"id": "h", "from_name": label_studio.HOLDER, "type": "textarea", "value": {"text": [holder]}}
    result = marks + [item | {"to_name": "text"} for item in ([chosen, named] if holder else [chosen])]
    body = {"result": result, "lead_time": 4.2, "was_cancelled": False}
    return person.post(f"/api/tasks/{task['id']}/annotations/", body)


def label_all(person: Person, tasks: list[dict[str, Any]], said: Said, seed: int) -> None:
    """Give every task but the last a stance drawn by lot."""
    draw = random.Random(seed)
    for task in tasks[:-1]:
        label = draw.choice(LABELS)
        holder = "" if label == "neutral" else draw.choice(["author", "norland", "the envoy, \U0001f600"])
        answer(person, task, label, holder)
        said[task["data"]["id"]][person.email] = (label, holder)


def label_some(person: Person, tasks: list[dict[str, Any]], said: Said) -> None:
    """Agree with ANN on a third of the tasks, differ on a third, skip one in ten, change the first answer."""
    for number, task in enumerate(tasks[:-1]):
        theirs, _ = said[task["data"]["id"]][ANN]
        other = LABELS[LABELS.index(theirs) - 1]
        if number % 10 == 9:
            person.post(f"/api/tasks/{task['id']}/annotations/", {"result": [], "was_cancelled": True})
        elif number % 3 < 2:
            label = theirs if number % 3 else other
            made = answer(person, task, label, "author")
            said[task["data"]["id"]][person.email] = (label, "author")
            if number == 0:
                said[task["data"]["id"]][person.email] = change(person, made, theirs)


def change(person: Person, annotation: dict[str, Any], label: str) -> tuple[str, str]:
    """Replace an answer by a bare stance, marks and holder removed; return what is now said."""
    item = {"from_name": label_studio.STANCE, "to_name": "text", "type": "choices"}
    result = [item | {"value": {"choices": [label]}}]
    person.send("PATCH", f"/api/annotations/{annotation['id']}/", {"result": result})
    return label, ""


def export(person: Person, project: int, path: Path) -> Path:
    """Save what the Export button saves: JSON, annotators as numbers."""
    path.write_bytes(person.get(f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true"))
    return path


def snapshot(person: Person, project: int, path: Path) -> Path:
    """Save a snapshot, in which annotators have their e-mail."""
    options = {"serialization_options": {"annotations__completed_by": {"only_id": False}}}
    made = person.post(f"/api/projects/{project}/exports", options)
    for _ in range(60):
        if person.json(f"/api/projects/{project}/exports/{made['id']}")["status"] == "completed":
            break
        time.sleep(1)
    path.write_bytes(person.get(f"/api/projects/{project}/exports/{made['id']}/download?exportType=JSON"))
    return path


def compare(rows: list[Example], files: list[Path], names: dict[str, str], said: Said) -> None:
    """Print the importer's counts; stop unless it returns exactly what was said."""
    findings = Findings()
    back = list(tools.read(ToolName.LABEL_STUDIO, files, rows, findings, names))
    print(f"\nimport of {', '.join(file.name for file in files)}", *findings.lines(), sep="\n")
    got = {row.id: {a.annotator: (a.label, a.holder) for a in row.annotations} for row in back}
    assert not findings.problems, findings.problems
    assert got == said, [(key, got[key], said[key]) for key in said if got[key] != said[key]]
    for old, new in zip(rows, back, strict=True):
        stances = {label for label, _ in said[old.id].values()}
        expected = old.label if not stances else stances.pop() if len(stances) == 1 else ""
        assert (new.id, new.text, new.mentions) == (old.id, old.text, old.mentions)
        assert new.label == expected, (new.id, new.label, expected)
    moved = [what for what in findings.counts if "other words" in what and findings.counts[what]]
    assert not moved, moved
    print(f"exactly the {sum(map(len, got.values()))} answers that were given")


def use_page(binaries: Path, project: str, picture: Path) -> list[int]:
    """Let EVE label in the browser: 1 for support, the holder as suggested; return the tasks' numbers."""
    script = Path(__file__).with_name("label_studio_page.py")
    command = [binaries / "python", script, picture, EVE, Person.password, project, str(IN_PAGE)]
    done = subprocess.run(command, check=True, timeout=900, stdout=subprocess.PIPE, text=True)
    print(f"page in {picture} ({picture.stat().st_size // 1000} kB)")
    return [int(number) for number in done.stdout.split()]


def run(work: Path, picture: Path | None) -> None:
    """The whole round trip."""
    binaries, rows = environment(work, PACKAGES), rows_to_label()
    with tempfile.TemporaryDirectory(dir=work) as name, server(binaries, Path(name)) as address:
        folder = Path(name)
        ann, ben, eve = (Person.sign_up(address, email) for email in (ANN, BEN, EVE))
        tools.write(ToolName.LABEL_STUDIO, rows, folder / "tasks.json")
        project = set_up(ann, folder / "tasks.json")
        tasks = ann.json(f"/api/tasks?project={project}&fields=all&page_size=100")["tasks"]
        said: Said = {row.id: {} for row in rows}
        label_all(ann, tasks, said, seed=7)
        early = export(ann, project, folder / "early.json")
        label_some(ben, tasks, said)
        if picture:
            labelled = use_page(binaries, f"{address}/projects/{project}", picture)
            shown = {task["data"]["id"] for task in tasks if task["id"] in labelled}
            for row in (row for row in rows if row.id in shown):
                said[row.id][EVE] = ("support", row.holder)
        numbers = {f"user-{person.number()}": person.email for person in (ann, ben, eve)}
        late = export(ann, project, folder / "late.json")
        compare(rows, [early, late], numbers, said)
        compare(rows, [late, early], numbers, said)
        compare(rows, [snapshot(ann, project, folder / "snapshot.json")], {}, said)


def main() -> None:
    """Read the options and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--screenshot", type=Path, help="a .png of the labelling page to write")
    default = Path(tempfile.gettempdir()) / "partystance-label-studio"
    parser.add_argument("--work", type=Path, default=default, help="keeps the environment [%(default)s]")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the server stops too
    options.work.mkdir(parents=True, exist_ok=True)
    run(options.work, options.screenshot and options.screenshot.resolve())


if __name__ == "__main__":
    main()
