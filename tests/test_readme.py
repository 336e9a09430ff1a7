"""What the README shows is run: its program, and the files its commands name."""

import os
import re
import subprocess
import sys
from pathlib import Path

from partystance.schema import LABELS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_program_runs_and_prints_what_it_says(tiny_run: Path) -> None:
    program, shown = re.findall(r"```(?:python)?\n(.*?)```", README, flags=re.DOTALL)[:2]
    program = program.replace("models/demo", str(tiny_run))
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    number = r"\d(?:\.\d+)?(?:e-\d+)?"
    line = re.compile(rf"(\S+) ({'|'.join(LABELS)}) \({number}, {number}, {number}\)")
    parties = [[match[1] for match in line.finditer(text)] for text in (done.stdout, shown)]
    assert parties == [["turkey", "russia", "ukraine"]] * 2
    assert len(done.stdout.splitlines()) == len(shown.splitlines()) == 3


def test_files_that_commands_name_are_there() -> None:
    named = set(re.findall(r"\b(?:configs|data|train|docs)/[\w./-]*\w\.(?:py|yaml|md|txt)\b", README))
    assert len(named) >= 8
    missing = [name for name in named if not (ROOT / name).is_file()]
    assert not missing
