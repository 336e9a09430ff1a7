"""Sentences: right on hard boundaries, exact in their offsets, and linear on hostile text."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partystance.schema import Article
from partystance.sentences import sentence_spans, split_sentences

LINES = (Path(__file__).parent / "data" / "boundaries.txt").read_text(encoding="utf-8").splitlines()
CASES = [line.split("\t", 1) for line in LINES if line and not line.startswith("#")]
PIECES = [
    *("Gen.", "U.S.", "No.", "“", "”", '"', "...", "…", ".", "!", "?", "\n", "\r\n", "\n\n", " ", "\u00a0"),
    *("- ", "The", "said", "é", "e\u0301", "🇺🇦", "条約。", "العراق؟", "\u2028", "\x85", "\0", "3.5", "A."),
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=30).map("".join)


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def test_at_least_150_hard_boundaries_and_95_percent_of_them_right() -> None:
    assert len(CASES) >= 150
    wrong = []
    for _, marked in CASES:
        marked = marked.replace("\\n", "\n")
        if split(marked.replace("¦", "")) != [sentence.strip() for sentence in marked.split("¦")]:
            wrong.append(marked)
    assert len(wrong) <= 0.05 * len(CASES), wrong


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_spans_tile_the_text(text: str) -> None:
    spans = sentence_spans(text)
    covered = [position for start, end in spans for position in range(start, end)]
    assert covered == sorted(set(covered))
    left_out = set(range(len(text))) - set(covered)
    assert all(text[position].isspace() for position in left_out)
    for start, end in spans:
        assert text[start:end] == text[start:end].strip() != ""


@given(text=TEXTS)
def test_split_sentences_are_slices_of_the_article(text: str) -> None:
    sentences = split_sentences(Article("a", text))
    assert [sentence.index for sentence in sentences] == list(range(len(sentences)))
    assert all(text[s.start : s.end] == s.text for s in sentences)


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\n", "\u2028"])
def test_nothing_is_no_sentence(text: str) -> None:
    assert sentence_spans(text) == []


@pytest.mark.parametrize("unit", [".", "a.", '."', " ", "\n", "...x", "x", "“", "1. ", "A.\n"])
def test_work_is_linear_on_hostile_text(unit: str) -> None:
    def duration_s(repeats: int) -> float:
        started_s = time.process_time()
        sentence_spans(unit * repeats)
        return time.process_time() - started_s

    small, large = duration_s(20_000), duration_s(160_000)
    assert large < 40 * max(small, 0.01)  # 8 times the text; a quadratic splitter would need 64 times as long
