"""Rows through doccano's own import and export code, and back: what our importer returns is what was chosen.

    python data/doccano_roundtrip.py

Installs doccano 1.8.4 from PyPI into an environment of its own (0.7 GB, minutes; kept under --work for the
next run) and calls there, on a throw-away SQLite file, what its server calls for an upload and a download. No
server is started and no page is opened: categories are put in the database. A quarter of a minute once
installed.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from label_studio_roundtrip import environment, rows_to_label

from partystance.exchange import tools
from partystance.exchange.merge import Findings
from partystance.exchange.tools import ToolName
from partystance.schema import LABELS

PACKAGES = ("doccano==1.8.4", "setuptools<81", "marshmallow<4", "numpy==1.26.4", "pandas<2.2")
"""doccano, and what it needs older than it asks for."""

ANNOTATOR = "ann"

INSIDE = """
import os, sys
sent, folder, annotator, *labels = sys.argv[1:]
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("create_roles")
from django.contrib.auth.models import User
from data_export.celery_tasks import create_individual_dataset
from data_export.pipeline.factories import create_formatter, create_writer
from data_import.datasets import load_dataset
from data_import.pipeline.catalog import JSONL
from data_import.pipeline.readers import FileName
from examples.models import Example, ExampleState
from label_types.models import CategoryType
from labels.models import Category
from projects.models import IntentDetectionAndSlotFillingProject

user = User.objects.create_user(annotator)
kind = "IntentDetectionAndSlotFilling"
project = IntentDetectionAndSlotFillingProject.objects.create(name="x", project_type=kind, created_by=user)
project.add_admin()
upload = load_dataset(kind, JSONL, [FileName(sent, "tasks.jsonl", "tasks.jsonl")], project)
upload.save(user)
assert not upload.errors, upload.errors
for label in labels:
    CategoryType.objects.get_or_create(text=label, project=project)
for number, example in enumerate(Example.objects.order_by("id")[: Example.objects.count() - 1]):
    chosen = CategoryType.objects.get(project=project, text=labels[number % len(labels)])
    Category.objects.filter(example=example).delete()
    Category.objects.create(example=example, user=user, label=chosen)
    ExampleState.objects.create(example=example, confirmed_by=user)
create_individual_dataset(project, folder, True, create_formatter(project, "JSONL"), create_writer("JSONL"))
"""
"""Run by doccano's Python: upload, a category for every task but the last, approved; then download those."""


def through_doccano(binaries: Path, sent: Path, folder: Path) -> Path:
    """Return what doccano exports for ANNOTATOR, who chose the stances in turn."""
    code = next(binaries.parent.glob("lib/python*/site-packages/backend"))
    state = {
        "DOCCANO_HOME": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/doccano.sqlite3",
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "PYTHONPATH": str(code),
    }
    command = [binaries / "python", "-c", INSIDE, sent, folder, ANNOTATOR, *LABELS]
    subprocess.run(command, check=True, timeout=600, env=os.environ | state, stdout=subprocess.DEVNULL)
    return folder / f"{ANNOTATOR}.jsonl"


def run(work: Path) -> None:
    """The whole round trip."""
    binaries, rows, findings = environment(work, PACKAGES), rows_to_label(), Findings()
    with tempfile.TemporaryDirectory(dir=work) as name:
        sent = Path(name) / "tasks.jsonl"
        tools.write(ToolName.DOCCANO, rows, sent)
        exported = through_doccano(binaries, sent, Path(name))
        back = list(tools.read(ToolName.DOCCANO, [exported], rows, findings))
    print(*findings.lines(), sep="\n")
    assert not findings.problems, findings.problems
    for number, (old, new) in enumerate(zip(rows[:-1], back[:-1], strict=True)):
        assert [(a.annotator, a.label) for a in new.annotations] == [
            (ANNOTATOR, LABELS[number % len(LABELS)])
        ]
        assert (new.id, new.text, new.mentions) == (old.id, old.text, old.mentions)
    assert back[-1] == rows[-1]
    print(f"exactly the {len(rows) - 1} answers that were given")


def main() -> None:
    """Read the options and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    default = Path(tempfile.gettempdir()) / "partystance-doccano"
    parser.add_argument("--work", type=Path, default=default, help="keeps the environment [%(default)s]")
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    run(work)


if __name__ == "__main__":
    main()
