"""Agreement against published worked examples, scikit-learn, and files as annotators leave them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

from partystance import agreement
from partystance.cli import app
from partystance.errors import InputError, PartystanceError
from partystance.ratings import MISSING, Ratings, read_ratings
from partystance.report.agreement import agreement_tables
from partystance.schema import LABELS, Annotation, Example, Mention
from partystance.tables import write_rows

ROOT = Path(__file__).parents[1]
relaxed = settings(max_examples=30, deadline=None)

FOUR_OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
"""Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); `cac.raw4raters` of irrCAC."""

ABSTRACTORS = ((13, 0, 0), (0, 20, 7), (0, 4, 56))
"""Pregnancies by two abstractors (Gwet 2014, table 2.1); `cont3x3abstractors` of irrCAC."""

PSYCHIATRISTS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip
"""Ten subjects, fourteen raters, five classes: the worked example of Fleiss' kappa in the textbooks."""


def values(ratings: np.ndarray, classes: int = 3) -> dict[str, float]:
    groups = [str(item) for item in range(len(ratings))]
    found = agreement.coefficients(ratings, groups, classes, n_resamples=1)
    return {name: estimate.value for name, estimate in found.items()}


def of_table(table) -> np.ndarray:
    return np.array([(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)])


def test_missing_labels_as_krippendorff_and_gwet_work_them_out() -> None:
    cells = [[MISSING if cell == "." else int(cell) - 1 for cell in line.split()] for line in FOUR_OBSERVERS]
    found = values(np.array(cells).T, 5)
    assert found["krippendorff_alpha"] == pytest.approx(0.743, abs=5e-4)  # Krippendorff (2011)
    assert found["fleiss_kappa"] == pytest.approx(0.76117, abs=5e-6)  # irrCAC's own vignette
    assert found["gwet_ac1"] == pytest.approx(0.77544, abs=5e-6)
    assert found["agreement"] == pytest.approx(0.81818, abs=5e-6)


def test_two_annotators_as_gwet_works_them_out() -> None:
    found = values(of_table(ABSTRACTORS))
    assert found == pytest.approx(
        {
            "agreement": 0.89,
            "cohen_kappa": 0.7964094,
            "fleiss_kappa": 0.7962397,  # Scott's pi
            "krippendorff_alpha": 0.7972585,
            "gwet_ac1": 0.8493305,
        },
        abs=1e-7,
    )


def test_fleiss_kappa_of_many_raters() -> None:
    rows = [[index for index, n in enumerate(votes) for _ in range(n)] for votes in PSYCHIATRISTS]
    assert values(np.array(rows), 5)["fleiss_kappa"] == pytest.approx(0.210, abs=5e-4)


def test_ac1_stays_high_where_kappa_does_not() -> None:
    """Feinstein and Cicchetti's paradox: 118 of 125 agree, and chance explains all of it, says kappa."""
    found = values(of_table(((118, 5), (2, 0))), 2)
    assert found["cohen_kappa"] == pytest.approx(-0.0234, abs=5e-5)
    assert found["gwet_ac1"] == pytest.approx(0.9408, abs=5e-5)


rating = st.sampled_from([MISSING, 0, 1, 2])
tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(rating, min_size=width, max_size=width), min_size=1, max_size=30)
)


@relaxed
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_cohen_kappa_equals_scikit_learn(pairs) -> None:
    ratings = np.array(pairs)
    expected = 1 - (ratings[:, 0] != ratings[:, 1]).mean()
    found = values(ratings)
    assert found["agreement"] == pytest.approx(expected)
    if len(np.unique(ratings)) > 1:  # else it is undefined, and scikit-learn warns
        kappa = cohen_kappa_score(*ratings.T, labels=[0, 1, 2])
        assert found["cohen_kappa"] == pytest.approx(kappa)
    else:
        assert np.isnan(found["cohen_kappa"])


@relaxed
@given(tables, st.randoms(use_true_random=False))
def test_order_of_rows_and_annotators_and_names_of_classes_change_nothing(rows, random) -> None:
    ratings = np.array(rows)
    shuffled = ratings[random.sample(range(len(rows)), len(rows))]
    shuffled = shuffled[:, random.sample(range(ratings.shape[1]), ratings.shape[1])]
    renamed = np.append(random.sample(range(3), 3), MISSING)[shuffled]
    assert values(renamed) == pytest.approx(values(ratings), nan_ok=True)


@relaxed
@given(tables)
def test_a_lone_label_says_nothing_about_alpha(rows) -> None:
    ratings = np.array(rows)
    lone = np.full((1, ratings.shape[1]), MISSING)
    lone[0, 0] = 2
    both = values(np.vstack([ratings, lone]))
    assert both["krippendorff_alpha"] == pytest.approx(values(ratings)["krippendorff_alpha"], nan_ok=True)


def test_more_than_two_annotators_get_the_mean_kappa_of_pairs() -> None:
    random = np.random.default_rng(4)
    ratings = random.integers(3, size=(50, 3))
    pairs = [cohen_kappa_score(ratings[:, i], ratings[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert values(ratings)["cohen_kappa"] == pytest.approx(np.mean(pairs))
    ratings[:, 2] = MISSING  # one who labelled nothing changes nothing
    assert values(ratings)["cohen_kappa"] == pytest.approx(pairs[0])


def test_intervals_come_from_whole_articles() -> None:
    """Two articles, one in full agreement and one in none: resampled agreement is 0, 1/2 or 1."""
    ratings = np.array([[0, 0], [1, 1]] * 10 + [[0, 1], [1, 0]] * 10)
    found = agreement.coefficients(ratings, ["a"] * 20 + ["b"] * 20)
    assert (found["agreement"].value, found["agreement"].low, found["agreement"].high) == (0.5, 0, 1)
    assert (found["cohen_kappa"].low, found["cohen_kappa"].high) == (-1, 1)
    single = agreement.coefficients(ratings, ["a"] * 40)
    assert (single["agreement"].value, single["agreement"].low) == (0.5, None)


def test_full_agreement_and_few_rows_get_no_interval() -> None:
    same = np.array([[0, 0], [1, 1], [2, 2]] * 7)
    groups = [str(i // 3) for i in range(21)]
    assert {e.value for e in agreement.coefficients(same, groups).values()} == {1}
    assert {e.low for e in agreement.coefficients(same, groups).values()} == {None}
    few = np.array([[0, 0], [1, 2], [2, 2]] * 3)
    assert agreement.coefficients(few, [str(i) for i in range(9)])["agreement"].low is None


def test_a_class_against_the_rest_by_hand() -> None:
    ratings = np.array([[0, 0]] * 4 + [[0, 1]] * 1 + [[2, 1]] * 2 + [[2, 2]] * 3)
    found = agreement.per_class(ratings, [str(i) for i in range(10)], n_resamples=20)
    assert found["support"]["agreement"].value == 0.9
    assert found["support"]["cohen_kappa"].value == pytest.approx((0.9 - 0.5 * 0.4 - 0.5 * 0.6) / 0.5)
    assert found["neutral"]["cohen_kappa"].value == 0  # the first annotator never says it
    assert found["criticize"]["agreement"].value == 0.8


# --- files ---


def example(number: int, label: str, text: str = "", **fields) -> Example:
    text = text or f"Norland met envoy {number}."
    mentions = (Mention(0, 7, "Norland"),)
    return Example(f"r{number}", text, "norland", mentions, label, doc_id=f"d{number % 5}", **fields)


def write(path: Path, rows: list[Example]) -> str:
    write_rows(path, [row.to_row() for row in rows])
    return str(path)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_files_of_one_annotator_each_are_joined_by_id_or_by_text_and_party(tmp_path: Path) -> None:
    anna = write(tmp_path / "anna.csv", [example(1, "support"), example(2, "neutral"), example(3, "")])
    renamed = [replace(example(2, "criticize"), id="other"), example(1, "support"), example(4, "neutral")]
    bob = write(tmp_path / "second.jsonl", renamed)
    ratings = read_ratings([anna, f"bob={bob}"])
    assert ratings.annotators == ("anna", "bob")
    assert [row.id for row in ratings.rows] == ["r1", "r2", "r3", "r4"]
    assert ratings.labels.tolist() == [[0, 0], [1, 2], [-1, -1], [-1, 1]]
    assert [row.label for row in ratings.rows] == ["", "", "", ""]  # one annotator's word is no verdict
    assert [row.id for row in ratings.shared().rows] == ["r1", "r2"]


def test_the_same_sentence_twice_in_a_file_stays_two_rows(tmp_path: Path) -> None:
    text = "Norland said nothing."
    rows = [example(1, "neutral", text), example(2, "support", text)]
    anna = write(tmp_path / "anna.jsonl", rows)
    bob = write(tmp_path / "bob.jsonl", [replace(row, id=f"x{row.id}") for row in rows])
    assert read_ratings([anna, bob]).labels.tolist() == [[1, 1], [0, 0]]


def test_a_file_with_annotations_keeps_its_verdicts_and_ignores_lone_labels(tmp_path: Path) -> None:
    said = (Annotation("anna", "support"), Annotation("bob", "neutral"), Annotation("carol", ""))
    rows = [example(1, "support", annotations=said), example(2, "neutral")]
    ratings = read_ratings([write(tmp_path / "settled.parquet", rows)])
    assert ratings.annotators == ("anna", "bob")
    assert ratings.labels.tolist() == [[0, 1], [-1, -1]]
    assert [row.label for row in ratings.rows] == ["support", "neutral"]


def test_repeated_and_partial_exports_add_up(tmp_path: Path) -> None:
    first = [example(1, "", annotations=(Annotation("anna", "support"),))]
    second = [
        example(1, "", annotations=(Annotation("anna", "support"), Annotation("bob", "neutral"))),
        example(2, "", annotations=(Annotation("bob", "neutral"),)),
    ]
    files = [write(tmp_path / "monday.jsonl", first), write(tmp_path / "friday.jsonl", second)]
    assert read_ratings(files).labels.tolist() == [[0, 1], [-1, 1]]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([example(1, "support", text="Norland left.")], "row 'r1' is another sentence or party than in"),
        ([example(1, "", annotations=(Annotation("bob", "favor"),))], "label 'favor' of annotator 'bob'"),
        (
            [example(1, "", annotations=(Annotation("anna", "neutral"),))],
            "annotator 'anna' says 'neutral' here and 'support' in",
        ),
        ([example(1, "")], "labelled by anna alone"),
    ],
)
def test_what_cannot_be_compared_is_named(second, message, tmp_path: Path) -> None:
    anna = write(tmp_path / "anna.jsonl", [example(1, "support")])
    with pytest.raises(PartystanceError, match=message):
        read_ratings([anna, write(tmp_path / "bob.jsonl", second)])


def test_a_name_for_a_file_that_has_names_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [example(1, "", annotations=(Annotation("bob", "neutral"),))])
    with pytest.raises(InputError, match="give it without 'anna='"):
        read_ratings([f"anna={path}"])


def test_the_command_on_three_annotators(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    true = random.choice(LABELS, size=60)
    files = []
    for name, quality in (("anna", 0.95), ("bob", 0.8), ("carol", 0.5)):
        given = [label if random.random() < quality else random.choice(LABELS) for label in true]
        rows = [example(i, str(label), phenomena=("denial",)) for i, label in enumerate(given)]
        files.append(write(tmp_path / f"{name}.csv", rows))
    code, out, _ = run("agreement", *files, "--out", tmp_path / "out")
    assert code == 0
    assert "60 of 60 rows have labels of two annotators or more; 5 articles" in out
    assert "anna / carol" in out
    report = json.loads((tmp_path / "out" / "agreement.json").read_text())
    labels = read_ratings(files).labels
    for pair, (i, j) in zip(report["pairs"], ((0, 1), (0, 2), (1, 2)), strict=True):
        assert pair["cohen_kappa"]["value"] == pytest.approx(cohen_kappa_score(labels[:, i], labels[:, j]))
        assert pair["confusion"] == [
            [int(((labels[:, i] == a) & (labels[:, j] == b)).sum()) for b in range(3)] for a in range(3)
        ]
    assert report["per_party"]["norland"] == report["overall"] == report["per_phenomenon"]["denial"]
    with (tmp_path / "out" / "disagreements.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == (np.ptp(labels, axis=1) > 0).sum()
    said = [{row[f"label_{name}"] for name in ("anna", "bob", "carol")} for row in rows]
    opposite = [{"support", "criticize"} <= labels for labels in said]
    assert opposite == sorted(opposite, reverse=True)
    assert 0 < sum(opposite) < len(opposite)


def test_tables_of_the_shipped_labels() -> None:
    ratings = read_ratings([str(ROOT / "data" / "labels" / "invented.jsonl")])
    out = agreement_tables(agreement.agreement_report(ratings, n_resamples=5))
    for words in ("first (down), second (across)", "Krippendorff's alpha", "soured-praise", "russia"):
        assert words in out


def test_what_has_no_coefficient_is_null_and_a_dash(tmp_path: Path) -> None:
    said = (Annotation("anna", "neutral"), Annotation("bob", "neutral"))
    path = write(tmp_path / "same.jsonl", [example(i, "", annotations=said) for i in range(12)])
    code, out, _ = run("agreement", path, "--out", tmp_path)
    assert code == 0
    assert out.splitlines()[7].split()[-3:] == ["-", "-", "1.000"]  # AC1 is defined: chance is 0
    overall = json.loads((tmp_path / "agreement.json").read_text())["overall"]
    assert overall["cohen_kappa"] == {"value": None, "low": None, "high": None, "n": 12}


def test_annotators_without_a_common_row_are_an_error(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.jsonl", [example(i, "support")]) for i, name in enumerate("ab")]
    code, out, errors = run("agreement", *files)
    assert (code, out) == (1, "")
    assert "no row has labels of two of the annotators a, b" in errors


def test_ratings_of_no_rows_are_empty() -> None:
    assert Ratings((), ("anna", "bob")).labels.shape == (0, 2)
