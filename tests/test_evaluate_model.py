"""The evaluation recipe end to end: a tiny random model, invented rows, the files and the page."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
import yaml
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from partystance.building import write_split
from partystance.files import sha256_file
from partystance.schema import LABELS, Example, Mention

TRAIN = Path(__file__).parents[1] / "train"
NASTY = 'The <script>alert("x")</script> & <b>Norway</b> accord of Arvenia'
WORDS = {"support": "praised", "neutral": "met", "criticize": "condemned"}


@pytest.fixture(scope="module")
def recipe():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN))
        import evaluate_model

        yield evaluate_model


def rows(split: str, count: int) -> list[Example]:
    made = []
    for number in range(count):
        label = LABELS[number % 3]
        text = f"{NASTY} {WORDS[label]} Japan on day {number} ({split})."
        for party in ("norway", "japan"):
            start = text.index(party.title())
            mention = Mention(start, start + len(party), party.title())
            stance = label if party == "japan" else "neutral"
            article = f"{split}-{number // 2}"
            made.append(
                Example(
                    f"{article}:{number}:{party}",
                    text,
                    party,
                    (mention,),
                    stance,
                    article,
                    number,
                    label_source="curated",
                    outlet="The <i>Ostmark</i> Post",
                    group=article,
                    phenomena=("passive", "negation") if number < 4 else ("passive",) * (party == "japan"),
                )
            )
    return made


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    for split, count in {"train": 30, "validation": 12, "test": 24}.items():
        write_split(folder / f"{split}.parquet", rows(split, count))
    return folder


def make_run(folder: Path, tiny_run: Path, dataset: Path, **config: object) -> Path:
    shutil.copytree(tiny_run, folder)
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": str(dataset), "seed": 1, **config}))
    hashes = {split: sha256_file(dataset / f"{split}.parquet") for split in ("train", "validation")}
    (folder / "manifest.json").write_text(json.dumps({"inputs": hashes}))
    return folder


@pytest.fixture(scope="module")
def model(tiny_run: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("models") / "tiny", tiny_run, dataset)


def run(recipe, *arguments: object):
    app = typer.Typer()
    app.command()(recipe.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def evaluated(recipe, model: Path, tiny_run: Path, dataset: Path):
    """The test split, compared with a target-blind run."""
    blind = make_run(model.parent / "blind", tiny_run, dataset, target_blind=True)
    result = run(recipe, model, "--split", "test", "--final", "--compare", blind)
    assert result.exit_code == 0, result.output
    return result, model / "evaluation" / "test"


def test_writes_exactly_these_files(evaluated) -> None:
    _, folder = evaluated
    assert {path.name for path in folder.iterdir()} == {
        "metrics.json", "predictions.parquet", "report.html", "table.txt",
    }  # fmt: skip


def test_table_has_every_system(evaluated) -> None:
    result, folder = evaluated
    table = (folder / "table.txt").read_text()
    assert table.strip() in result.stdout
    for name in ("tiny ", "blind (target-blind)", "majority", "rules", "TF-IDF + logistic regression"):
        assert sum(line.startswith(name) for line in table.splitlines()) == 1
    assert "48 rows of 12 articles" in table
    assert "fewer than 20 articles" in table


def test_metrics_can_be_computed_again_from_the_predictions(evaluated, dataset: Path) -> None:
    _, folder = evaluated
    metrics = json.loads((folder / "metrics.json").read_text())
    written = pq.read_table(folder / "predictions.parquet").to_pylist()
    gold, said = ([row[key] for row in written] for key in ("gold", "label"))
    score = metrics["systems"][0]["scores"]["macro_f1"]
    expected = f1_score(gold, said, labels=list(LABELS), average="macro", zero_division=0)
    assert score["value"] == pytest.approx(expected, abs=1e-6)
    assert score["low"] <= score["value"] <= score["high"]
    assert score["n"] == len(written) == 48
    truth = {row.id: row for row in rows("test", 24)}
    for row in written:
        assert (row["gold"], row["group"]) == (truth[row["id"]].label, truth[row["id"]].group)
        assert row["label_source"] == "curated"
        assert row["label"] == max(LABELS, key=lambda label: row[f"p_{label}"])
    assert metrics["data"]["sha256"]["test"] == sha256_file(dataset / "test.parquet")
    assert metrics["bootstrap"]["seed"] == 13


def test_rules_and_words_beat_a_model_of_random_weights(evaluated) -> None:
    metrics = json.loads((evaluated[1] / "metrics.json").read_text())
    systems = {system["name"]: system for system in metrics["systems"]}
    for name in ("rules", "TF-IDF + logistic regression"):
        assert systems[name]["scores"]["macro_f1"]["value"] > 0.8
        assert systems[name]["ours_minus_it"]["high"] < 0
    assert systems["majority"]["scores"]["accuracy"]["value"] == pytest.approx(32 / 48, abs=1e-6)
    assert systems["tiny"]["ours_minus_it"] is None


class Page(HTMLParser):
    """Collects tags, and the text of every `mark`; complains about tags that do not match."""

    VOID = frozenset({"meta", "br", "rect", "line", "circle"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.marked: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "mark":
            self.marked.append(data)


def test_page_escapes_every_text_and_loads_nothing(evaluated) -> None:
    html = (evaluated[1] / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "b", "i"} & set(page.tags)
    assert "&lt;script&gt;alert(&#34;x&#34;)" in html
    assert "The &lt;i&gt;Ostmark&lt;/i&gt; Post" in html
    assert not [name for name, _ in page.attributes if name in ("src", "href", "onload", "onclick")]
    assert not re.search(r"https?://|@import|url\(", html)


def test_page_marks_the_party_in_the_errors(evaluated) -> None:
    folder = evaluated[1]
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    written = pq.read_table(folder / "predictions.parquet").to_pylist()
    wrong = [row for row in written if row["gold"] != row["label"]]
    wrong.sort(key=lambda row: -max(row[f"p_{label}"] for label in LABELS))
    assert page.marked == [row["party"].title() for row in wrong[:20]]


def test_rows_are_counted_under_each_of_their_tags(evaluated) -> None:
    _, folder = evaluated
    found = json.loads((folder / "metrics.json").read_text())["phenomena"]
    written = pq.read_table(folder / "predictions.parquet").to_pylist()
    assert {tag: scores["n"] for tag, scores in found.items()} == {"passive": 28, "negation": 8}
    negated = [row for row in written if row["sentence_index"] < 4]
    right = sum(row["gold"] == row["label"] for row in negated)
    assert found["negation"]["accuracy"]["value"] == pytest.approx(right / 8)
    assert "By phenomenon" in (folder / "report.html").read_text(encoding="utf-8")


def test_same_inputs_give_the_same_numbers(recipe, evaluated, model: Path, tmp_path: Path) -> None:
    result = run(recipe, model, "--split", "test", "--final", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    first, again = (json.loads((folder / "metrics.json").read_text()) for folder in (evaluated[1], tmp_path))
    assert again["systems"] == [system for system in first["systems"] if "blind" not in system["name"]]
    assert again["parties"] == first["parties"]


def test_held_out_split_is_refused_without_final(dataset: Path, model: Path, tmp_path: Path) -> None:
    """By path, as a user runs it; nothing is written."""
    command = [
        sys.executable,
        str(TRAIN / "evaluate_model.py"),
        str(model),
        "--split",
        "test",
        "--out",
        str(tmp_path / "x"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "'test' is held out" in done.stderr
    assert "--final" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()


def test_validation_needs_no_flag(recipe, model: Path, tmp_path: Path) -> None:
    result = run(recipe, model, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "chose the epoch" in result.stdout


def test_other_training_data_is_told(recipe, model: Path, dataset: Path, tmp_path: Path) -> None:
    other = shutil.copytree(dataset, tmp_path / "other")
    write_split(other / "train.parquet", rows("elsewhere", 9))
    result = run(recipe, model, "--data", other, "--out", tmp_path / "out")
    assert "tiny was trained on another train split" in result.stdout


def test_missing_run_names_those_there(recipe, model: Path) -> None:
    result = run(recipe, model.parent / "tyni")
    assert result.exit_code == 1
    assert "no such file" in result.stderr
    assert str(model) in result.stderr


def test_missing_split_names_those_there(recipe, model: Path) -> None:
    result = run(recipe, model, "--split", "dev", "--final")
    assert result.exit_code == 1
    assert "test, train, validation" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("config.yaml", "seed: 1", "no key 'data'"), ("manifest.json", "{", "not a whole run")],
)
def test_broken_run_is_an_error_of_one_line(
    recipe, model: Path, tmp_path: Path, name, content, message
) -> None:
    broken = shutil.copytree(model, tmp_path / "broken")
    (broken / name).write_text(content)
    result = run(recipe, broken)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_two_runs_of_one_name_are_refused(recipe, model: Path) -> None:
    result = run(recipe, model, "--compare", model)
    assert result.exit_code == 1
    assert "different names" in result.stderr
