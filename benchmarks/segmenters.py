"""Sentence splitters side by side: how many hard boundaries each gets right, and how fast it is.

    python benchmarks/segmenters.py

Ours and a naive regex are always there; pysbd, syntok and blingfire are compared when they are installed
(pip install pysbd syntok blingfire). Takes about ten seconds. Speed is that of one core over the shipped
invented articles, repeated.
"""

import json
import re
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from partystance.sentences import sentence_spans

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "data" / "boundaries.jsonl"
ARTICLES = ROOT / "data" / "articles" / "invented.jsonl"
SETS = ("development", "held-out")
MEGABYTES = 1.0

Splitter = Callable[[str], list[str]]


class Case(NamedTuple):
    """A text and the sentences that a careful reader sees in it; `part` is one of `SETS`."""

    part: str
    text: str
    sentences: list[str]


def ours(text: str) -> list[str]:
    """This project's rule segmenter."""
    return [text[start:end] for start, end in sentence_spans(text)]


def naive(text: str) -> list[str]:
    """What anybody would write first."""
    return list(map(str, re.split(r"(?<=[.!?])\s+(?=[A-Z“\"])|\n+", text)))


def lines_first(split: Splitter) -> Splitter:
    """Give a splitter one line at a time: few of them would end a headline otherwise."""
    return lambda text: [sentence for line in text.splitlines() if line.strip() for sentence in split(line)]


def splitters() -> dict[str, Splitter]:
    """Ours, the naive one, and every library that is installed."""
    found: dict[str, Splitter] = {"ours": ours, "naive regex": naive}
    if find_spec("pysbd"):
        import pysbd  # pyright: ignore[reportMissingImports]

        segmenter = pysbd.Segmenter(language="en", clean=False)
        found["pysbd"] = lines_first(lambda text: list(map(str, segmenter.segment(text))))
    if find_spec("syntok"):
        from syntok.segmenter import analyze  # pyright: ignore[reportMissingImports]

        def syntok(text: str) -> list[str]:
            sentences = (sentence for paragraph in analyze(text) for sentence in paragraph)
            return ["".join(token.spacing + token.value for token in sentence) for sentence in sentences]

        found["syntok"] = lines_first(syntok)
    if find_spec("blingfire"):
        from blingfire import text_to_sentences  # pyright: ignore[reportMissingImports]

        found["blingfire"] = lines_first(lambda text: str(text_to_sentences(text)).splitlines())
    return found


def read_cases() -> list[Case]:
    """The hard boundaries, each marked with a broken bar in the file."""
    rows = map(json.loads, CASES.read_text(encoding="utf-8").splitlines())
    return [Case(row["set"], row["text"].replace("¦", ""), row["text"].split("¦")) for row in rows]


def news(megabytes: float) -> str:
    """The shipped articles, repeated up to a size."""
    lines = ARTICLES.read_text(encoding="utf-8").splitlines()
    text = "\n\n".join(json.loads(line)["text"] for line in lines) + "\n\n"
    return text * round(megabytes * 1e6 / len(text.encode()))


def score(split: Splitter, cases: list[Case]) -> str:
    """Cells of the table: right per set, then how many cases are split too often and too rarely."""
    answers = [[bare for sentence in split(case.text) if (bare := _bare(sentence))] for case in cases]
    gold = [[_bare(sentence) for sentence in case.sentences] for case in cases]
    cells: list[str] = []
    for part in SETS:
        right = [a == g for case, a, g in zip(cases, answers, gold, strict=True) if case.part == part]
        cells.append(f"{sum(right)}/{len(right)} {sum(right) / len(right):4.0%}")
    surplus = [len(a) - len(g) for a, g in zip(answers, gold, strict=True)]
    over, under = sum(n > 0 for n in surplus), sum(n < 0 for n in surplus)
    return f"{cells[0]:>14} {cells[1]:>14} {over:>10} {under:>10}"


def megabytes_per_s(split: Splitter, text: str) -> float:
    """Speed over a text: the best of three runs, as other work on the machine only slows it."""
    durations_s: list[float] = []
    for _ in range(3):
        started_s = time.perf_counter()
        split(text)
        durations_s.append(time.perf_counter() - started_s)
    return len(text.encode()) / 1e6 / min(durations_s)


def main() -> None:
    """Print the table."""
    cases = read_cases()
    text = news(MEGABYTES)
    print(f"{'splitter':12} {SETS[0]:>14} {SETS[1]:>14} {'too often':>10} {'too rarely':>10} {'MB/s':>6}")
    for name, split in splitters().items():
        print(f"{name:12} {score(split, cases)} {megabytes_per_s(split, text):>6.2f}")


def _bare(sentence: str) -> str:
    """A sentence without its spaces, which some libraries change."""
    return "".join(sentence.split())


if __name__ == "__main__":
    main()
