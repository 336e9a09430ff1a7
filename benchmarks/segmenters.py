"""Sentence splitters side by side: how many hard boundaries each gets right, and how fast it is.

    python benchmarks/segmenters.py

Ours is always there; pysbd, syntok, blingfire and NLTK's Punkt are compared when they are installed
(pip install pysbd syntok blingfire nltk). Takes about a minute.
"""

import re
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from partystance.sentences import sentence_spans

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "data" / "boundaries.txt"
ARTICLES = ROOT / "data" / "articles" / "invented.jsonl"
MEGABYTES = 0.5

Splitter = Callable[[str], list[str]]


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
    if find_spec("nltk"):
        from nltk.tokenize.punkt import PunktSentenceTokenizer  # pyright: ignore[reportMissingImports]

        found["punkt, untrained"] = lines_first(
            lambda text: list(map(str, PunktSentenceTokenizer().tokenize(text)))
        )
    return found


def cases() -> list[tuple[str, list[str]]]:
    """The hard boundaries: text and its sentences."""
    lines = [line for line in CASES.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    marked = [line.split("\t", 1)[1].replace("\\n", "\n") for line in lines]
    return [(text.replace("¦", ""), text.split("¦")) for text in marked]


def main() -> None:
    """Print the table."""
    gold = [(text, [_bare(sentence) for sentence in sentences]) for text, sentences in cases()]
    news = (ARTICLES.read_text(encoding="utf-8").replace("\\n", "\n") * 10)[: int(MEGABYTES * 1e6)]
    print(f"{'splitter':18} {'right':>10} {'split too often':>16} {'too rarely':>11} {'MB/s':>6}")
    for name, split in splitters().items():
        answers = [[_bare(sentence) for sentence in split(text) if _bare(sentence)] for text, _ in gold]
        right = sum(answer == sentences for answer, (_, sentences) in zip(answers, gold, strict=True))
        over = sum(len(answer) > len(sentences) for answer, (_, sentences) in zip(answers, gold, strict=True))
        under = sum(
            len(answer) < len(sentences) for answer, (_, sentences) in zip(answers, gold, strict=True)
        )
        started_s = time.perf_counter()
        split(news)
        speed = len(news.encode()) / 1e6 / (time.perf_counter() - started_s)
        share = f"{right}/{len(gold)} {right / len(gold):.0%}"
        print(f"{name:18} {share:>10} {over:>16} {under:>11} {speed:>6.2f}")


def _bare(sentence: str) -> str:
    """A sentence without its spaces, which some libraries change."""
    return "".join(sentence.split())


if __name__ == "__main__":
    main()
