"""What the README shows is run: its program, and the files its commands name."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_program_runs_and_prints_what_it_says() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[:1]
    (shown,) = re.findall(r"```\n(.*?)```", README.partition(program)[2][3:], flags=re.DOTALL)[:1]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert [line.split(" (")[0] for line in shown.splitlines()] == [
        "turkey support",
        "russia criticize",
        "ukraine neutral",
    ]
    numbers = [re.findall(r"\d\.\d+", text) for text in (done.stdout, shown)]
    assert [float(n) for n in numbers[0]] == pytest.approx([float(n) for n in numbers[1]], abs=0.05)
    words = [re.sub(r"\(.*?\)", "", text).split() for text in (done.stdout, shown)]
    assert words[0] == words[1]


def test_files_that_commands_name_are_there() -> None:
    named = set(re.findall(r"\b(?:configs|data|train|docs)/[\w./-]*\w\.(?:py|yaml|md|txt)\b", README))
    assert len(named) >= 8
    missing = [name for name in named if not (ROOT / name).is_file()]
    assert not missing
