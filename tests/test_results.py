"""The table of results: its numbers are scikit-learn's, its errors say what is missing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from partystance import StanceClassifier
from partystance.building import write_split
from partystance.schema import LABELS, Example, Mention

ROOT = Path(__file__).parents[1]
WORDS = {"support": "praised", "neutral": "met", "criticize": "condemned"}
DSE = "[Norland] accused [Sudland].\tNorland\tSudland\t3\n[Norland] met [Sudland].\tNorland\tSudland\t0\n"


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "train"))
        import results
        import seeds

        yield results, seeds


def rows(split: str, count: int) -> list[Example]:
    made = []
    for number in range(count):
        label = LABELS[number % 3]
        text = f"The council {WORDS[label]} Japan on day {number} of {split}."
        start = text.index("Japan")
        article = f"{split}-{number // 2}"
        made.append(
            Example(
                id=f"{article}:{number}",
                text=text,
                party="japan",
                mentions=(Mention(start, start + 5, "Japan"),),
                label=label,
                doc_id=article,
                group=article,
                label_source="curated",
            )
        )
    return made


@pytest.fixture
def config(tmp_path: Path, tiny_run: Path) -> Path:
    for split, count in (("train", 30), ("validation", 12), ("rw", 12), ("mt", 9)):
        write_split(tmp_path / "data" / f"{split}.parquet", rows(split, count))
    (tmp_path / "valid.txt").write_text(DSE, encoding="utf-8")
    (tmp_path / "train.txt").write_text("[A] met [B].\tA\tB\t0\n", encoding="utf-8")
    published = {"system": "Some | model", "parameters": "1 M", "scores": ["50.0", "60.0"]}
    comparison = {
        "title": "Ours",
        "data": str(tmp_path / "data"),
        "splits": ["rw", "mt"],
        "systems": {"tiny": [str(tiny_run), str(tiny_run)]},
        "minimal_pairs": True,
        "published": [published | {"measured_on": "x", "source": "nobody"}],
    }
    dse = {"title": "DSE", "pairs": str(tmp_path / "valid.txt"), "train": str(tmp_path / "train.txt")}
    dse["systems"] = {"tiny": [str(tiny_run)]}
    path = tmp_path / "results.yaml"
    wanted = {"output": str(tmp_path / "models.md"), "comparisons": [comparison], "dse": dse}
    path.write_text(json.dumps(wanted), encoding="utf-8")  # JSON is YAML
    return path


def cells(page: str, system: str) -> list[str]:
    line = next(line for line in page.splitlines() if line.startswith(f"| {system} |"))
    return [text.strip() for text in line.strip("|").split("|")]


def test_the_page_holds_what_scikit_learn_finds(scripts, config: Path, tiny_run: Path) -> None:
    results, _ = scripts
    results.main(config)
    page = (config.parent / "models.md").read_text(encoding="utf-8")
    classifier = StanceClassifier(tiny_run)
    for column, (split, count) in enumerate((("rw", 12), ("mt", 9)), 3):
        asked = rows(split, count)
        said = [p.label for p in classifier.predict(asked)]
        f1 = f1_score([row.label for row in asked], said, labels=LABELS, average="macro", zero_division=0)
        assert cells(page, "tiny")[column].startswith(f"{100 * f1:.1f} [")
        assert cells(page, "tiny")[column].endswith(f"({100 * f1:.1f}, {100 * f1:.1f})")
    assert {"majority", "rules", "TF-IDF + logistic regression"} <= {
        line.split("|")[1].strip() for line in page.splitlines() if line.startswith("|")
    }
    assert r"| Some \| model | 1 M | 50.0 / 60.0 | x | nobody |" in page
    none = cells(page[page.index("## DSE") :], "none for all")
    assert none[3:5] == [
        "50.0",
        f"{100 * f1_score([3, 0], [0, 0], labels=range(5), average='macro', zero_division=0):.1f}",
    ]


def test_a_system_whose_runs_are_elsewhere_keeps_its_line(scripts, config: Path, tiny_run: Path) -> None:
    results, _ = scripts
    run = config.parent / "run"
    shutil.copytree(tiny_run, run)
    wanted = json.loads(config.read_text(encoding="utf-8"))
    wanted["comparisons"][0]["systems"] |= {"other": [str(run)]}
    config.write_text(json.dumps(wanted), encoding="utf-8")
    page = config.parent / "models.md"
    results.main(config)
    before = cells(page.read_text(encoding="utf-8"), "other")
    shutil.rmtree(run)
    results.main(config)
    after = cells(page.read_text(encoding="utf-8"), "other")
    assert before[2]
    assert after == [*before[:2], "", *before[3:]]  # all but the speed
    write_split(config.parent / "data" / "mt.parquet", rows("mt", 6))
    with pytest.raises(SystemExit):
        results.main(config)
    assert cells(page.read_text(encoding="utf-8"), "other") == after


def test_the_interval_over_seeds_is_that_of_their_mean(scripts) -> None:
    _, seeds = scripts
    random = np.random.default_rng(5)
    truth = random.integers(0, 3, 90)
    articles = np.repeat(np.arange(30), 3)
    said = [np.where(random.random(90) < 0.7, truth, random.integers(0, 3, 90)) for _ in range(3)]
    found = seeds.over_seeds(truth, articles, said)
    by_hand = [f1_score(truth, labels, average="macro") for labels in said]
    assert found.by_seed == pytest.approx(by_hand)
    assert found.macro_f1 == pytest.approx(np.mean(by_hand))
    assert found.interval[0] < found.macro_f1 < found.interval[1]
    alone = seeds.over_seeds(truth, articles, said[:1])
    width = found.interval[1] - found.interval[0]
    assert width < alone.interval[1] - alone.interval[0]  # a mean of three is surer
    for place, label in enumerate(LABELS):
        per_class = [f1_score(truth, labels, average=None)[place] for labels in said]
        assert found.f1[label] == pytest.approx(np.mean(per_class))


def test_what_is_missing_is_named(scripts, config: Path) -> None:
    results, _ = scripts
    app = typer.Typer()
    app.command()(results.main)
    gone = CliRunner().invoke(app, [str(config), "dse.pairs=gone.txt"])
    assert gone.exit_code == 1
    assert "gone.txt" in gone.stderr
    empty = CliRunner().invoke(app, [str(config), f"dse.train={config.parent / 'valid.txt'}"])
    assert empty.exit_code == 1
    assert "no pairs that are not in" in empty.stderr
    few = CliRunner().invoke(app, [str(config), "comparisons.0.published.0.scores=['1']"])
    assert few.exit_code == 1
    assert "1 scores for 2 columns" in few.stderr
    none = CliRunner().invoke(app, [str(config), "dse.systems={tiny: []}"])
    assert none.exit_code == 1
    assert "dse.systems.tiny" in none.stderr
    assert not (config.parent / "models.md").exists()


def test_the_config_that_ships_loads(scripts) -> None:
    results, _ = scripts
    wanted = results.load_config(results.ResultsConfig, ROOT / "configs" / "results.yaml")
    columns = [len(comparison.splits) for comparison in wanted.comparisons]
    for comparison, count in zip(wanted.comparisons, columns, strict=True):
        assert all(len(one.scores) == count for one in comparison.published)


def test_the_page_that_ships_holds_what_was_kept(scripts) -> None:
    results, _ = scripts
    wanted = results.load_config(results.ResultsConfig, ROOT / "configs" / "results.yaml")
    known = results.Known(ROOT / "models" / "results.json").lines
    page = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    for part in [*wanted.comparisons, wanted.dse]:
        section = page[page.index(f"## {part.title}") :]
        for system in part.systems:
            kept = known.pop(f"{part.title}: {system}")
            line = cells(section, system)
            assert (line[1], line[3:-1]) == (kept["cells"][0], kept["cells"][2:])
            assert line[-1] == results.short(kept["commit"])
    assert not known  # nothing that the page does not show
