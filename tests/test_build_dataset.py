"""The dataset builder, run for real over made-up articles; and the reader of hand-labelled rows."""

import importlib.util
import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import SHARED
from sklearn.metrics import accuracy_score, f1_score

from partystance.building import DatasetConfig
from partystance.configs import load_config
from partystance.errors import InputError, PartystanceError
from partystance.labels.dse import read_dse
from partystance.labels.handmade import read_handmade, settle
from partystance.labels.overlays import is_overlay, overlay_row
from partystance.labels.rules import RuleLabeller
from partystance.parties import Registry
from partystance.schema import LABELS, ROW_FIELDS, Example, Mention
from partystance.tables import read_examples

ROOT = Path(__file__).parents[1]
FILES = Path(__file__).parent / "data/dataset"
RECIPE = ROOT / "data/build_dataset.py"

spec = importlib.util.spec_from_file_location("build_dataset", RECIPE)
assert spec
assert spec.loader
recipe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(recipe)

WORDS = ("harbour", "grain", "envoy", "winter", "bridge", "council", "ferry", "signal", "timber", "ledger")
VERBS = {"criticize": "condemned", "support": "praised", "neutral": "met"}


def articles(count=24, seed=5):
    """Articles of five sentences; each names a party in words that no other sentence has."""
    rng = random.Random(seed)
    for number in range(count):
        sentences = []
        for index in range(5):
            words = " ".join(f"{rng.choice(WORDS)}{rng.randrange(10**4)}" for _ in range(6))
            verb = rng.choice(list(VERBS.values()))
            party = ("Russia", "Norway", "NATO")[index % 3]
            sentences.append(f"The mayor {verb} {party} over the {words}.")
        yield f"art{number}", sentences


def labelled_rows(source, index_from=0):
    """Hand labels for the sentences from a place on; what the verb says, and now and then something else."""
    for doc_id, sentences in source:
        for index, text in list(enumerate(sentences))[index_from:]:
            verb, party = text.split()[2], text.split()[3]
            label = next(name for name, word in VERBS.items() if word == verb)
            row = {"text": text, "party": party, "label": "neutral" if index == 4 else label}
            yield row | {"id": f"h-{doc_id}-{index}", "doc_id": doc_id, "sentence_index": index}


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def workshop(tmp_path):
    """A folder with articles, hand labels of all but their first two sentences, and a config."""
    source = list(articles())
    write_jsonl(
        tmp_path / "articles.jsonl",
        [{"doc_id": doc_id, "text": "\n\n".join(sentences)} for doc_id, sentences in source],
    )
    write_jsonl(tmp_path / "labels.jsonl", labelled_rows(source, index_from=2))
    config = {
        "name": "made-up",
        "title": "Made-up sentences",
        "summary": "For a test.",
        "licence": "cc0-1.0",
        "output": str(tmp_path / "built"),
        "corpus": str(tmp_path),
        "articles": ["articles.jsonl"],
        "parties": [str(FILES / "parties.yaml")],
        "sources": [{"path": "labels.jsonl", "licence": "CC0", "how": "Made | up."}],
        "rules": True,
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return tmp_path


def build(workshop, *overrides, force=False):
    recipe.main(workshop / "config.yaml", list(overrides), force)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(folder, split):
    return list(read_examples(folder / f"{split}.parquet"))


def failure(capsys, workshop, *overrides):
    with pytest.raises(SystemExit) as stopped:
        build(workshop, *overrides)
    assert stopped.value.code == 1
    return capsys.readouterr().err


SPLITS = ("train", "validation", "test")


def test_build_from_the_command_line_loads_with_datasets(workshop):
    command = [sys.executable, str(RECIPE), str(workshop / "config.yaml"), "seed=3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=workshop)
    assert done.returncode == 0, done.stderr
    assert "the rule labeller on 72 hand-labelled rows: accuracy" in done.stdout
    out = workshop / "built"
    assert set(files(out)) == {f"{split}.parquet" for split in SPLITS} | {"README.md", "manifest.json"}

    from datasets import load_dataset

    paths = {split: str(out / f"{split}.parquet") for split in SPLITS}
    data = load_dataset("parquet", data_files=paths, cache_dir=str(workshop / "cache"))
    features = data["train"].features
    assert list(features) == list(ROW_FIELDS)
    assert features["label"].names == list(LABELS)
    for split in SPLITS:
        names = [features["label"].int2str(value) for value in data[split]["label"]]
        assert names == [row.label for row in read(out, split)]


def test_every_row_is_where_it_belongs(workshop):
    build(workshop)
    parts = {split: read(workshop / "built", split) for split in SPLITS}
    docs = {split: {row.doc_id for row in rows} for split, rows in parts.items()}
    assert not any(docs[a] & docs[b] for a in SPLITS for b in SPLITS if a != b)
    assert {row.label_source for row in parts["validation"] + parts["test"]} == {"human"}
    hand = [row for rows in parts.values() for row in rows if row.label_source == "human"]
    wanted = {row["id"]: row["label"] for row in labelled_rows(articles(), index_from=2)}
    assert {row.id: row.label for row in hand} == wanted
    by_rule = [row for row in parts["train"] if row.label_source == "rule"]
    assert {(row.doc_id, row.sentence_index) for row in by_rule} == {
        (doc_id, index) for doc_id in docs["train"] for index in (0, 1)
    }
    for row in by_rule:
        assert VERBS[row.label] == row.text.split()[2]
        assert row.split == "train"
        assert row.sentence_end - row.sentence_start == len(row.text)


def test_manifest_and_card_tell_what_is_in_the_files(workshop):
    build(workshop)
    out = workshop / "built"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    parts = {split: read(out, split) for split in SPLITS}
    for label in LABELS:
        counted = {split: sum(row.label == label for row in rows) for split, rows in parts.items()}
        assert manifest["counts"]["label"][label] == counted
        cells = " | ".join(str(counted[split]) for split in SPLITS)
        assert f"| {label} | {cells} |" in (out / "README.md").read_text(encoding="utf-8")
    held_out = 2 * len({row.doc_id for row in parts["validation"] + parts["test"]})
    assert manifest["dropped"] == {"rule label in an article that is held out": held_out}
    assert {Path(name).name for name in manifest["inputs"]} == {
        "articles.jsonl",
        "labels.jsonl",
        "parties.yaml",
    }

    front = yaml.safe_load((out / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert front["configs"] == [
        {
            "config_name": "default",
            "data_files": [{"split": split, "path": f"{split}.parquet"} for split in SPLITS],
        }
    ]
    assert front["license"] == "cc0-1.0"
    assert front["size_categories"] == ["n<1K"]


def test_rule_quality_equals_an_independent_count(workshop):
    build(workshop)
    registry, labeller = Registry.load(FILES / "parties.yaml"), RuleLabeller()
    truth, answers = [], []
    for row in labelled_rows(articles(), index_from=2):
        found = labeller.label(row["text"], registry.find(row["text"]))
        truth.append(row["label"])
        answers.append(str(found[row["party"].lower()].label))
    rules = json.loads((workshop / "built/manifest.json").read_text(encoding="utf-8"))["rules"]
    assert rules["accuracy"] == round(accuracy_score(truth, answers), 4)
    assert rules["macro_f1"] == round(f1_score(truth, answers, average="macro"), 4)
    assert rules["accuracy"] < 1
    for label in LABELS:
        given = [t for t, a in zip(truth, answers, strict=True) if a == label]
        assert rules["precision"][label] == round(given.count(label) / len(given), 4)


def test_building_again_gives_the_same_bytes_and_leaves_the_splits_alone(workshop):
    build(workshop)
    before, age = files(workshop / "built"), (workshop / "built/train.parquet").stat().st_mtime_ns
    build(workshop, force=True)
    assert files(workshop / "built") == before
    assert (workshop / "built/train.parquet").stat().st_mtime_ns == age


def test_row_order_of_the_inputs_does_not_matter(workshop):
    build(workshop)
    before = files(workshop / "built")
    for name in ("labels.jsonl", "articles.jsonl"):
        lines = (workshop / name).read_text(encoding="utf-8").splitlines(keepends=True)
        random.Random(1).shuffle(lines)
        (workshop / name).write_text("".join(lines), encoding="utf-8")
    build(workshop)
    after = files(workshop / "built")
    assert {name for name in before if before[name] != after[name]} == {"manifest.json"}


def test_nothing_is_done_when_nothing_changed(workshop, capsys):
    build(workshop)
    capsys.readouterr()
    build(workshop)
    assert capsys.readouterr().out == f"{workshop / 'built'}: up to date\n"
    build(workshop, "seed=4")
    assert "written" in capsys.readouterr().out
    (workshop / "built/test.parquet").write_bytes(b"broken")
    build(workshop, "seed=4")
    assert "written" in capsys.readouterr().out
    assert read(workshop / "built", "test")
    (workshop / "labels.jsonl").open("a", encoding="utf-8").write("\n")
    build(workshop, "seed=4")
    assert "written" in capsys.readouterr().out


def given_split(workshop, rows):
    """Hold out a file of rows as the split `dev`."""
    write_jsonl(workshop / "dev.jsonl", rows)
    config = yaml.safe_load((workshop / "config.yaml").read_text(encoding="utf-8"))
    config["sources"].append({"path": "dev.jsonl", "split": "dev", "licence": "CC0", "how": "Made up."})
    config["fractions"] = {"train": 0.8, "validation": 0.2}
    (workshop / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def shared_rows():
    """One row of an article that is in train too, one with a sentence of another article, one of its own."""
    source = list(articles())
    copied = source[3][1][2]
    party = copied.split()[3]
    return [
        {"id": "d1", "doc_id": "art7", "text": "Norway waited.", "party": "norway", "label": "neutral"},
        {"id": "d2", "doc_id": "wire", "text": copied.upper(), "party": party, "label": "neutral"},
        {"id": "d3", "doc_id": "own", "text": "NATO slept badly.", "party": "nato", "label": "criticize"},
    ]


def test_contamination_fails_the_build_and_names_the_rows(workshop, capsys):
    given_split(workshop, shared_rows())
    message = failure(capsys, workshop)
    assert "splits share" in message
    assert "identical" in message
    assert "d2" in message
    assert "group 'art7'" in message
    assert "h-art3-2" in message
    assert not (workshop / "built").exists()


def test_contaminated_training_rows_are_dropped_where_the_config_says_so(workshop):
    given_split(workshop, shared_rows())
    build(workshop, "on_contamination=drop_from_train")
    out = workshop / "built"
    kept = read(out, "train") + read(out, "validation")
    assert {row.id for row in read(out, "dev")} == {"d1", "d2", "d3"}
    assert all(row.split == "dev" for row in read(out, "dev"))
    assert "art7" not in {row.doc_id for row in kept}
    assert "h-art3-2" not in {row.id for row in kept}
    assert {"h-art3-3", "h-art3-4"} <= {row.id for row in kept}
    dropped = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["dropped"]
    assert dropped["shares an article or a sentence with a held-out split"] == 5 + 1


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["sed=4"], ["unknown key 'sed' = 4", "did you mean 'seed'?"]),
        (["sources.0.licens=MIT"], ["unknown key 'sources.0.licens'", "did you mean 'licence'?"]),
        (["sources.0.format=csv"], ["'sources.0.format' = 'csv' is not a choice"]),
        (["fractions={train: 0.5}"], ["fractions must be above 0 and add up to 1"]),
        (["fractions={test: 1}"], ["fractions must name 'train'"]),
        (["near_duplicate=2"], ["'near_duplicate' = 2", "less than or equal to 1"]),
        (["parties=[]"], ["articles need 'parties'"]),
        (["corpus=elsewhere"], ["elsewhere/labels.jsonl: no such file", "corpus=path/to/folder"]),
        (["sources.0.split=validation"], ["split 'validation' is given by a source"]),
        (
            ["near_duplicate=0.12", "fractions={train: 0.999, test: 0.0005, dev: 0.0005}"],
            ["no rows for split"],
        ),
    ],
)
def test_broken_configs_are_explained(workshop, capsys, overrides, expected):
    message = failure(capsys, workshop, *overrides)
    for part in expected:
        assert part in message
    assert "Traceback" not in message


def test_an_id_that_stands_for_two_rows_is_refused(workshop, capsys):
    rows = [
        {"id": "same", "text": f"Norway waited {n}.", "party": "norway", "label": "neutral"} for n in "ab"
    ]
    write_jsonl(workshop / "labels.jsonl", rows)
    assert "id 'same' stands for 2 pairs" in failure(capsys, workshop)


@pytest.mark.parametrize("path", sorted((ROOT / "configs/data").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_load(path):
    config = load_config(DatasetConfig, path)
    assert config.output == Path("data/built") / config.name == Path("data/built") / path.stem


@pytest.mark.skipif(not SHARED.is_dir(), reason="the NewsMTSC corpus is not beside the checkout")
def test_newsmtsc_builds_clean(tmp_path):
    corpus = SHARED / "data/newsmtsc"
    config = load_config(
        DatasetConfig, ROOT / "configs/data/newsmtsc.yaml", [f"corpus={corpus}", f"output={tmp_path}"]
    )
    recipe.build(config)
    parts = {split: read(tmp_path, split) for split in ("train", "validation", "rw_dev", "mt_dev")}
    training = {row.doc_id for row in parts["train"] + parts["validation"]}
    assert not training & {row.doc_id for row in parts["rw_dev"] + parts["mt_dev"]}
    assert len(parts["rw_dev"]) == 343
    assert len(parts["validation"]) / len(parts["train"] + parts["validation"]) == pytest.approx(
        0.08, abs=0.01
    )


# The reader of hand-labelled rows, and which label wins.

REGISTRY = Registry.load(FILES / "parties.yaml")


def test_mentions_and_ids_are_found_where_a_file_leaves_them_out(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "text,party,label\n“Moscow” warned Norway; Russia’s envoy left.,Russia,neutral\nNATO met.,nato,\n",
        encoding="utf-8",
    )
    first, second = read_handmade(path, REGISTRY)
    assert (first.id, first.party, first.label_source) == ("mine:1", "russia", "human")
    assert [mention.surface for mention in first.mentions] == ["Moscow", "Russia"]
    assert (second.label, second.mentions) == ("", (Mention(0, 4, "NATO"),))


def test_given_mentions_and_fields_stay_as_they_are(tmp_path):
    row = {
        "id": "x", "text": "The Norse praised Mr Bel.", "party": "Mr Bel", "label": "support",
        "label_source": "curated",
        "mentions": [{"start": 18, "end": 24, "surface": "Mr Bel"}], "mixed": True, "sentence_index": 4,
        "annotations": [{"annotator": "a", "label": "support", "holder": ""}],
    }  # fmt: skip
    write_jsonl(tmp_path / "rows.jsonl", [row])
    (example,) = read_handmade(tmp_path / "rows.jsonl")
    assert {name: example.to_row()[name] for name in row} == row


@pytest.mark.parametrize(
    ("row", "registry", "message"),
    [
        (
            {"text": "Norway met.", "party": "nato", "label": "neutral"},
            REGISTRY,
            "row 1: party 'nato' is not found",
        ),
        (
            {"text": "Norway met.", "party": "norway", "label": "neutral"},
            None,
            "row 1: no mentions: give them",
        ),
        ({"text": "Norway met.", "party": "norway", "label": "pro"}, REGISTRY, "label 'pro' is not one of"),
        ({"text": "Norway met.", "label": "neutral"}, REGISTRY, "row 1: field 'party' is missing"),
        ({"text": "Norway met.", "party": "norway", "stance": "x"}, REGISTRY, "unknown field 'stance'"),
        (
            {"text": "Norway met.", "party": "norway", "mentions": [{"start": 0}]},
            None,
            "field 'end' is missing",
        ),
        (
            {"text": "Norway met.", "party": "n", "mentions": [{"start": 1, "end": 7, "surface": "Norway"}]},
            None,
            r"mention \[1, 7\) is 'orway ' in the text",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, row, registry, message):
    write_jsonl(tmp_path / "rows.jsonl", [row])
    with pytest.raises(InputError, match=message):
        list(read_handmade(tmp_path / "rows.jsonl", registry))


def example(number, label, source, text="Norway met Bel.", split=""):
    return Example(
        str(number), text, "norway", (Mention(0, 6, text[:6]),), label, label_source=source, split=split
    )


def test_people_outrank_curated_outrank_models_outrank_rules():
    counts = Counter()
    ranked = ["human", "curated", "llm:any", "rule"]
    for best in range(4):
        rows = [example(i, "neutral" if i == best else "support", ranked[i]) for i in range(best, 4)]
        (kept,) = settle(rows[::-1], counts)
        assert (kept.label, kept.label_source) == ("neutral", ranked[best])
    assert counts["curated label yields to human"] == 1
    assert counts["rule label yields to llm:any"] == 1
    assert sum(counts.values()) == 3 + 2 + 1


def test_contradictions_are_dropped_repetitions_kept_once():
    counts = Counter()
    rows = [
        example(1, "support", "human"),
        example(2, "criticize", "newsmtsc", "NORWAY met Bel!"),
        example(3, "support", "curated"),
        example(4, "neutral", "human", "Norway slept."),
        example(5, "neutral", "human", "Norway  slept"),
        example(6, "support", "human", "Norway slept.", split="dev"),
        example(7, "", "human", "Norway woke."),
    ]
    assert [kept.id for kept in settle(rows, counts)] == ["4", "6"]
    assert counts == {
        "curated label yields to human": 1,
        "contradicting human labels": 2,
        "same pair again": 1,
        "no label yet": 1,
    }


def test_too_little_data_says_so(workshop):
    write_jsonl(workshop / "labels.jsonl", list(labelled_rows(articles(1))))
    with pytest.raises(PartystanceError, match="no rows for split"):
        recipe.build(load_config(DatasetConfig, workshop / "config.yaml"))


def minimal_pair(text, party):
    row = {"text": text, "party": party.lower(), "mentions": [mention_of(text, party)]}
    other = row | {"text": text.replace("The", "A "), "label": "neutral"}
    other["mentions"] = [mention_of(other["text"], party)]
    return {"id": "mp-1", "change": "negation", "rows": [row | {"label": "support"}, other]}


def mention_of(text, party):
    start = text.index(party)
    return {"start": start, "end": start + len(party), "surface": party}


def test_a_minimal_pair_in_the_dataset_fails_the_build(workshop, capsys):
    text = dict(articles())["art5"][3]
    write_jsonl(workshop / "minimal.jsonl", [minimal_pair(text, text.split()[3])])
    message = failure(capsys, workshop, f"keep_out=[{workshop / 'minimal.jsonl'}]")
    assert "mp-1a" in message
    assert "h-art5-3" in message
    assert not (workshop / "built").exists()
    message = failure(
        capsys, workshop, f"keep_out=[{workshop / 'minimal.jsonl'}]", "on_contamination=drop_from_train"
    )
    assert "mp-1a" in message  # pairs are never let in, whatever the config tolerates


def test_minimal_pairs_that_nothing_shares_are_no_leak_among_themselves(workshop):
    pair = minimal_pair("The envoy praised NATO for its calm in the storm.", "NATO")
    write_jsonl(workshop / "minimal.jsonl", [pair])
    build(workshop, f"keep_out=[{workshop / 'minimal.jsonl'}]")
    assert read(workshop / "built", "train")


def test_an_overlay_is_joined_with_its_corpus(workshop):
    (workshop / "dse.txt").write_text(
        "[Norway] thanked [NATO] in the fog.\tNorway\tNATO\t1\n[Norway] left [NATO].\tNorway\tNATO\t0\n",
        encoding="utf-8",
    )
    row = next(read_dse(workshop / "dse.txt"))
    line = overlay_row(replace(row, party="nato", label="criticize", holder="norway"), "natural")
    write_jsonl(workshop / "dse.jsonl", [line, line | {"sentence": "0" * 64}])
    joined = {"path": "dse.txt", "format": "dse", "licence": "as DSE", "how": "Joined."}
    sources = [{"path": "labels.jsonl", "licence": "CC0", "how": "Made up."}]
    sources.append(joined | {"overlay": str(workshop / "dse.jsonl")})
    build(workshop, f"sources={json.dumps(sources)}")
    out = workshop / "built"
    found = [row for split in SPLITS for row in read(out, split) if is_overlay(row)]
    assert [(row.text, row.party, row.label) for row in found] == [
        ("Norway thanked NATO in the fog.", "nato", "criticize")
    ]
    dropped = json.loads((out / "manifest.json").read_text())["dropped"]
    assert dropped["overlay row whose sentence is not in the corpus"] == 1


def test_an_overlay_must_say_which_corpus(workshop, capsys):
    sources = [{"path": "labels.jsonl", "licence": "CC0", "how": "x", "overlay": "o.jsonl"}]
    assert "needs 'format'" in failure(capsys, workshop, f"sources={json.dumps(sources)}")
