"""How well and how fast parties are found: precision and recall on hand-made sentences, cost of a text.

    python benchmarks/mentions.py             # both halves, the cost, a few seconds
    python benchmarks/mentions.py --errors    # and every miss and false alarm of the half used for developing

Every mention in `tests/data/mentions.jsonl` counts once: it is right when offsets and party both are. Rules
were tuned looking at the `develop` half only; `held-out` is the number to quote.
"""

import argparse
import json
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partystance.parties import Registry
from partystance.party_schema import Party

ROOT = Path(__file__).parent.parent
SENTENCES = ROOT / "tests" / "data" / "mentions.jsonl"
REGISTRIES = sorted((ROOT / "configs" / "parties").glob("*.yaml"))
HALVES = ("develop", "held-out")
FILLER = [
    "council",
    "met",
    "again",
    "after",
    "lunch",
    "and",
    "spoke",
    "of",
    "roads",
    "schools",
    "under",
    "focus",
]


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over some sentences; `flags` are the right mentions whose modifier flag is right too."""

    sentences: int
    expected: int
    found: int
    right: int
    flags: int
    errors: tuple[str, ...]

    @property
    def precision(self) -> float:
        """The share of what was found that is right."""
        return self.right / self.found

    @property
    def recall(self) -> float:
        """The share of what should be found that was."""
        return self.right / self.expected


def score(registry: Registry, rows: Iterable[dict[str, Any]]) -> Score:
    """Compare what a registry finds in each row with the mentions written down for it."""
    sentences = expected = found = right = flags = 0
    errors: list[str] = []
    for row in rows:
        wanted = {(m["start"], m["end"], m["party"]): m.get("modifier", False) for m in row["mentions"]}
        got = {(m.start, m.end, m.party): m.modifier for m in registry.find(row["text"])}
        both = wanted.keys() & got.keys()
        sentences, expected, found = sentences + 1, expected + len(wanted), found + len(got)
        right += len(both)
        flags += sum(wanted[key] == got[key] for key in both)
        errors += [f"missed {key} in {row['text']!r}" for key in sorted(wanted.keys() - both)]
        errors += [f"false  {key} in {row['text']!r}" for key in sorted(got.keys() - both)]
        errors += [f"flag   {key} in {row['text']!r}" for key in sorted(both) if wanted[key] != got[key]]
    return Score(sentences, expected, found, right, flags, tuple(errors))


def read_rows(half: str) -> list[dict[str, Any]]:
    """Return the sentences of one half."""
    rows = [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["half"] == half]


def with_extra_aliases(registry: Registry, count: int) -> Registry:
    """Return the registry with invented two-word parties added, to see whether aliases cost anything."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnoprstuvz", k=7)).capitalize() for _ in range(2 * count)]
    extra = {
        f"x{i}": Party(id=f"x{i}", name=f"{words[2 * i]} {words[2 * i + 1]}", kind="entity")
        for i in range(count)
    }
    return Registry({**registry.parties, **extra})


def speed(registry: Registry, text: str, repeats: int = 5) -> float:
    """Return the characters found through in a second, in millions: the best of some repeats."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        registry.find(text)
        best = min(best, time.perf_counter() - started)
    return len(text) / best / 1e6


def news_like(rows: list[dict[str, Any]], characters: int, mention_every: int) -> str:
    """Return plain ASCII text with a hand-made sentence among words that name nobody."""
    rng = random.Random(0)
    plain = [row for row in rows if row["text"].isascii() and row["mentions"]]
    pieces: list[str] = []
    length = 0
    while length < characters:
        row = rng.choice(plain)
        missing = max(0, len(row["mentions"]) * mention_every - len(row["text"]))
        pieces.append(" ".join([row["text"].replace("\n", " "), *rng.choices(FILLER, k=missing // 6)]))
        length += len(pieces[-1]) + 1
    return "\n".join(pieces)


def main() -> None:
    """Print the accuracy table, the speed table, and the errors when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--errors", action="store_true", help="list the errors of the develop half")
    arguments = parser.parse_args()
    registry = Registry.load(*REGISTRIES)
    print(f"{len(registry.parties)} parties; {', '.join(path.name for path in REGISTRIES)}\n")
    print("| half | sentences | mentions | precision | recall | modifier flag right |")
    print("|---" * 6 + "|")
    for half in HALVES:
        s = score(registry, read_rows(half))
        shares = f"{s.precision:.1%} | {s.recall:.1%} | {s.flags / s.right:.1%}"
        print(f"| {half} | {s.sentences} | {s.expected} | {shares} |")
        if arguments.errors and half == "develop":
            print(*s.errors, sep="\n")
    rows = [row for half in HALVES for row in read_rows(half)]
    print("\n| a mention every | characters/s, shipped | with 20 000 more aliases |\n|---|---|---|")
    larger = with_extra_aliases(registry, 20_000)
    for every in (50, 100, 200):
        text = news_like(rows, 1_000_000, every)
        print(f"| {every} characters | {speed(registry, text):.1f} M | {speed(larger, text):.1f} M |")


if __name__ == "__main__":
    main()
