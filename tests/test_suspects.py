"""Label errors by confident learning: flipped labels of invented sentences, and what people get to read."""

import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from typer.testing import CliRunner

from partystance.cli import app
from partystance.errors import PartystanceError
from partystance.labelled import LabelledRow
from partystance.labels.rules import RuleLabel
from partystance.out_of_fold import Views, out_of_fold
from partystance.parties import Registry
from partystance.report.suspects import suspects_page
from partystance.schema import LABELS, Example, Mention, Stance
from partystance.suspects import Suspect, by_suspicion, find_suspects
from partystance.tables import read_rows, write_rows

VERBS = {
    "support": ["praised", "thanked", "defended", "applauded"],
    "criticize": ["condemned", "mocked", "denounced", "scolded"],
    "neutral": ["met", "called", "visited", "reached"],
}
PLACES = ["at the port", "in the old town", "near the border", "over lunch", "on the radio"]


def example(text: str, surface: str, label: str = "", **fields) -> Example:
    start = text.index(surface)
    values = {"id": text, "doc_id": text} | fields
    mention = Mention(start, start + len(surface), surface)
    return Example(text=text, party=surface.lower(), label=label, mentions=(mention,), **values)


def invented(count: int, seed: int) -> list[Example]:
    """Rows whose verb says the stance, three to an article."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        label = draw.choice(LABELS)
        party = draw.choice(["Norland", "Sudland"])
        text = f"On day {number} the envoy {draw.choice(VERBS[label])} {party} {draw.choice(PLACES)}."
        rows.append(example(text, party, label, doc_id=f"a{number // 3}"))
    return rows


def flipped(rows: list[Example], positions: list[int]) -> list[Example]:
    """The rows, the next label of the three given to some."""
    turned = {label: LABELS[(place + 1) % 3] for place, label in enumerate(LABELS)}
    return [
        replace(row, label=turned[row.label]) if place in positions else row for place, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def wrong() -> list[int]:
    return random.Random(5).sample(range(150), 8)


@pytest.fixture(scope="module")
def found(wrong: list[int]) -> list[Suspect]:
    rows = [*flipped(invented(150, 1), wrong), example("Norland rests.", "Norland")]
    placed = [LabelledRow(row, f"f:{line}") for line, row in enumerate(rows)]
    return find_suspects(placed, Registry.shipped(), 12)


def test_flipped_labels_are_the_first_suspects(found: list[Suspect], wrong: list[int]) -> None:
    truth = {row.id: row.label for row in invented(150, 1)}
    assert [suspect.rank for suspect in found] == list(range(1, 9))  # though 12 were asked for
    assert {suspect.row.place for suspect in found} == {f"f:{line}" for line in wrong}
    for suspect in found:
        assert suspect.suggested == truth[suspect.row.example.id]


def test_a_neutral_row_of_one_holder_is_no_suspect(found: list[Suspect], wrong: list[int]) -> None:
    silent = [replace(row, label="neutral", holder="the mayor", id=f"s{row.id}") for row in invented(40, 2)]
    rows = [*flipped(invented(150, 1), wrong), *silent]
    again = find_suspects([LabelledRow(row, f"f:{n}") for n, row in enumerate(rows)], Registry.shipped(), 12)
    assert [suspect.row.place for suspect in again] == [suspect.row.place for suspect in found]


def test_suspects_come_in_the_order_of_doubt_and_add_up(found: list[Suspect]) -> None:
    believed = [suspect.probabilities[LABELS.index(suspect.row.example.label)] for suspect in found]
    assert believed == sorted(believed)
    for suspect in found:
        assert sum(suspect.probabilities) == pytest.approx(1, abs=0.002)
        assert suspect.suggested != suspect.row.example.label


def test_reasons_are_true(found: list[Suspect], wrong: list[int]) -> None:
    """What a reason says of other rows and of the rules holds when it is counted again."""
    rows = flipped(invented(150, 1), wrong)
    likenesses = 0
    for suspect in found:
        row, reason = suspect.row.example, suspect.reason
        said = re.search(r"model ([\d.]+) (\w+), ([\d.]+) (\w+) as given", reason)
        assert said
        assert (said[2], said[4]) == (suspect.suggested, row.label)
        for number, label in ((said[1], said[2]), (said[3], said[4])):
            assert float(number) == pytest.approx(suspect.probabilities[LABELS.index(label)], abs=0.006)
        if read := re.search(r"the rules read “(\w+)", reason):
            assert read[1] in row.text
            assert read[1] in VERBS[suspect.suggested]
        if "the rules find nothing" in reason:
            assert suspect.suggested == "neutral"
            assert row.text.split()[5] in VERBS["neutral"]
        if likeness := re.search(
            r"(\d) of the (\d) rows on (\w+) with the most similar words are (\w+)", reason
        ):
            likenesses += 1
            verb = row.text.split()[5]
            labels = [other.label for other in rows if verb in other.text and other.party == row.party]
            assert (likeness[3], likeness[4]) == (row.party, suspect.suggested)
            assert int(likeness[1]) <= int(likeness[2]) <= 5
            assert labels.count(suspect.suggested) > labels.count(row.label)
    assert likenesses >= len(wrong) // 2


probabilities = npst.arrays(np.float64, (12, 3), elements=st.floats(0.01, 1)).map(
    lambda p: p / p.sum(1, keepdims=True)
)


@settings(max_examples=50, deadline=None)
@given(probabilities, st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_the_least_believed_label_comes_first(p: np.ndarray, labels: list[int]) -> None:
    given_labels = np.array(labels)
    believed = p[np.arange(12), given_labels]
    assert believed[by_suspicion(given_labels, p)] == pytest.approx(np.sort(believed))


def views(groups: list[str]) -> Views:
    count = len(groups)
    return Views(
        [["x"]] * count, [RuleLabel(Stance.NEUTRAL)] * count, np.zeros((count, 2), np.float32), groups
    )


def test_no_row_is_predicted_from_its_own_article() -> None:
    groups = [f"a{number % 9}" for number in range(60)]
    tested: list[int] = []

    def member(_: Views, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert {groups[i] for i in train}.isdisjoint(groups[i] for i in test)
        tested.extend(test)
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))

    truth = np.arange(60) % 2  # class 2 never occurs
    p = out_of_fold(views(groups), truth, [member])
    assert sorted(tested) == list(range(60))
    assert p.sum(1) == pytest.approx(1)
    assert (p[:, 2] == 0).all()


@pytest.mark.parametrize(
    ("groups", "truth", "message"),
    [
        (["a", "b", "c", "d"] * 3, [0, 1] * 6, "5 articles.*not 4"),
        (["a", "b", "c", "d", "e"] * 2, [1] * 10, "two classes"),
    ],
)
def test_too_little_to_learn_from_is_said(groups: list[str], truth: list[int], message: str) -> None:
    with pytest.raises(PartystanceError, match=message):
        out_of_fold(views(groups), np.array(truth))


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick"}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_all_and_runs_nothing() -> None:
    hostile = "<script>x</script> & <img src=x> "
    row = example(f"{hostile}Norland", "Norland", "neutral", id=f"i{hostile}", doc_id="d")
    suspect = Suspect(
        1, LabelledRow(row, f"f{hostile}:1"), "support", (0.9, 0.06, 0.04), f"because {hostile}"
    )
    page = suspects_page([suspect], [f"f{hostile}"], 1234)
    reader = Reader()
    reader.feed(page)
    assert not {"script", "img"} & set(reader.tags)
    assert reader.tags.count("mark") == 1
    for text in (
        row.text,
        row.id,
        suspect.row.place,
        suspect.reason,
        "1,234 rows",
        "0.90",
        "0.06",
        "given: ",
    ):
        assert text in reader.text, text
    assert "default-src 'none'" in page


def test_the_command_writes_table_and_page(tmp_path: Path) -> None:
    rows = flipped(invented(60, 2), [7, 20, 41])
    labels = tmp_path / "labels.jsonl"
    write_rows(labels, [row.to_row() for row in rows])
    result = CliRunner().invoke(
        app, ["check", str(labels), "--suspects", "2", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "findings.csv", "suspects.csv", "suspects.html",
    ]  # fmt: skip
    table = list(read_rows(tmp_path / "out" / "suspects.csv"))
    assert [row["rank"] for row in table] == ["1", "2"]
    assert {row["place"] for row in table} < {f"{labels}:{line}" for line in (8, 21, 42)}
    page = (tmp_path / "out" / "suspects.html").read_text(encoding="utf-8")
    places = [page.index(f"<span>{row['place']}</span>") for row in table]
    assert places == sorted(places)


def test_a_party_with_one_row_has_no_neighbours() -> None:
    rows = [*invented(30, 3), example("The envoy praised Onland.", "Onland", "criticize")]
    found = find_suspects([LabelledRow(row, row.id) for row in rows], Registry.shipped(), 31)
    (lonely,) = [suspect for suspect in found if suspect.row.example.party == "onland"]
    assert lonely.reason.startswith("the rules read “praised” as support; model ")
