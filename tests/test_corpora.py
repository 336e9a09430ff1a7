"""The readers of public corpora, on invented records in the published formats, counted by hand."""

import csv
import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partystance.configs import load_config
from partystance.errors import InputError
from partystance.labels.corpora import READERS, Format
from partystance.labels.overlays import corpus_sentences, overlay_row, read_overlay, write_overlay
from partystance.labels.published import NOT_NAMED, at_offsets, named
from partystance.schema import Example

DATA = Path(__file__).parents[1] / "data"
NOT_FOUND = "mention not at its offsets and not found elsewhere without doubt"

RUSENTNE = (
    "sentence\tentity\tentity_tag\tentity_pos_start_rel\tentity_pos_end_rel\tlabel\n"
    "Министр Озёрного края похвалил Ладу Сизову.\tЛаду Сизову\tPERSON\t31\t42\t1\n"
    'Газета "Маяк" обвинила Сизову в обмане.\tСизову\tPERSON\t23\t29\t-1\n'
    '"""Маяк"" вышел, сказал он."\tМаяк\tORGANIZATION\t1\t5\t0\n'
    "Сизова уехала.\tСизова\tPERSON\t3\t9\t0\n"
    "Сизова встретила Сизова.\tСизова\tPERSON\t3\t9\t0\n"
    'Газета "Маяк" обвинила Сизову в обмане.\tСизову\tPERSON\t23\t29\t-1\n'
)

GERNTSA: list[Any] = [
    {
        "id": "a1",
        "opinion_snippet": "Der Hafenrat lobte Edda Quill.. Das Hafenfest begann.",
        "target": "Edda Quill",
        "target_anchor": {"from": 19, "to": 29},
        "sentiment": {"polarity": "positive"},
    },
    {
        "id": "a2",
        "opinion_snippet": "Das Hafenfest wurde abgesagt, klagte Quill.",
        "target": "Hafen",
        "target_anchor": {"from": 4, "to": 9},
        "sentiment": {"polarity": "negative"},
    },
    {
        "id": "a3",
        "opinion_snippet": "Quill traf Quill.",
        "target": "Quill",
        "target_anchor": {"from": 2, "to": 7},
        "sentiment": {"polarity": "neutral"},
    },
]


def madtsc_line(gid: str, targets: list[tuple[str, str, int, float]], text: str) -> dict[str, Any]:
    return {
        "primary_gid": gid,
        "sentence_normalized": text,
        "targets": [
            {"Input.gid": g, "mention": m, "from": at, "to": at + len(m), "polarity": p}
            for g, m, at, p in targets
        ],
    }


TWO = "Bel Orme thanked Ada Quill for the ferries."
MADTSC = [
    madtsc_line("g1", [("g1", "Ada Quill", 17, 6.0)], TWO),
    madtsc_line("g2", [("g1", "Ada Quill", 17, 6.0), ("g2", "Bel Orme", 0, 4)], TWO),
    madtsc_line("g3", [("g3", "Ada Quill", 17, 2.0)], TWO),
    madtsc_line("g4", [("other", "Orme", 0, 2.0)], "Orme was booed."),
]

PARAGRAPHS = [f"Paragraph{n}" for n in range(16)]
PERSENT = [
    {
        "DOCUMENT_INDEX": "7",
        "TITLE": "Ferries; again",
        "TARGET_ENTITY": "Ada Quill Jr.",
        "DOCUMENT": 'Ada Quill Jr. said "no".\n The port was calm.\n\n Quill and aunt quilled; Quill left.',
        "MASKED_DOCUMENT": "[TGT] said",
        "TRUE_SENTIMENT": "Neutral",
        "Paragraph0": "Positive",
        "Paragraph1": "Neutral",
        "Paragraph2": "Neutral",
    },
    {
        "DOCUMENT_INDEX": "8",
        "TITLE": "Short",
        "TARGET_ENTITY": "Orme",
        "DOCUMENT": "Orme left.",
        "MASKED_DOCUMENT": "",
        "TRUE_SENTIMENT": "Negative",
        "Paragraph0": "Negative",
        "Paragraph1": "Negative",
    },
]

SEMEVAL = (
    "ID\tTarget\tTweet\tStance\n"
    '1\tAda Quill\t"Vote ADA QUILL, the ferries will run! #SemST\tFAVOR\n'
    "2\tAtheism\tThe bells of Bel ring for everybody #SemST\tAGAINST\n"
    "3\tAda Quill\tAda Quill, Ada Quill: who is she? #SemST\tNONE\n"
    '4\tAda Quill\t"Vote ADA QUILL, the ferries will run! #SemST\tFAVOR\n'
)

SEESAW_ARTICLE: dict[str, Any] = {
    "title": "Ferries",
    "text": [
        {"id": 0, "text": "Edna Harrow, of the Harbour Party, scolded Ada Quill; the harbour party cheered."},
        {"id": 1, "text": "She praised her."},
        {"id": 2, "text": ""},
        {"id": 3, "text": "Ada Quill won."},
    ],
}
SEESAW_META: dict[str, Any] = {
    "Split": "valid",
    "story_time": "2031-04-05",
    "Meta info for article 1": {"source": "The Buoy", "url": "https://buoy.example/1", "title": "Ferries"},
    "triplet_id": "009",
}


def triple(subject: str, sentiment: str, target: str) -> dict[str, Any]:
    return {"id": 0, "subject": subject, "sentiment": sentiment, "object": target, "annotators": ["A"]}


SEESAW: dict[str, Any] = {
    "title": "Ferries",
    "sentence-level stances": {
        "0": [
            triple("Edna Harrow", "NEG", "Ada Quill"),
            triple("Harbour Party", "NEG", "Ada Quill"),
            triple("None", "POS", "Harbour Party"),
            triple("Edna Harrow", "NEG", "Not in the list"),
        ],
        "1": [triple("Edna Harrow", "POS", "Ada Quill")],
        "3": [triple("Not in the list", "POS", "Ada Quill"), triple("Edna Harrow", "NEG", "Ada Quill")],
    },
}


def write_persent(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*PERSENT[0]][:6] + PARAGRAPHS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_seesaw(folder: Path, annotation: Any, article: Any, meta: Any) -> None:
    for name, value in (
        ("annotations/TRIPLET_009_DOCUMENT_1.json", annotation),
        ("articles/TRIPLET_009_DOCUMENT_1.json", article),
        ("meta/TRIPLET_009.json", meta),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def corpora(tmp_path: Path) -> dict[str, Path]:
    """One invented file (or folder) a format."""
    paths = {
        "rusentne": tmp_path / "train_data.csv",
        "gerntsa": tmp_path / "GerNTSA.json",
        "madtsc": tmp_path / "en" / "train.jsonl",
        "persent": tmp_path / "dev.csv",
        "semeval2016": tmp_path / "trainingdata.txt",
        "seesaw": tmp_path / "SEESAW",
        "dse": tmp_path / "train.txt",
        "dse-silence": tmp_path / "train.txt",
        "newsmtsc": Path(__file__).parent / "data/newsmtsc/train.jsonl",
    }
    paths["rusentne"].write_text(RUSENTNE, encoding="utf-8")
    paths["gerntsa"].write_text(json.dumps(GERNTSA), encoding="utf-8")
    paths["madtsc"].parent.mkdir()
    paths["madtsc"].write_text("".join(json.dumps(line) + "\n" for line in MADTSC), encoding="utf-8")
    write_persent(paths["persent"], PERSENT)
    paths["semeval2016"].write_text(SEMEVAL, encoding="utf-8")
    write_seesaw(paths["seesaw"], SEESAW, SEESAW_ARTICLE, SEESAW_META)
    paths["dse"].write_text("[Norland] blamed [Sudland] for it.\tNorland\tSudland\t3\n", encoding="utf-8")
    return paths


def read(name: str, path: Path) -> tuple[list[Example], dict[str, int]]:
    counts: Counter[str] = Counter()
    rows = list(READERS[name](path, counts))
    for row in rows:
        for mention in row.mentions:
            mention.check(row.text)
    assert all(row.label_source == name for row in rows)
    return rows, dict(+counts)


def test_rusentne(corpora: dict[str, Path]) -> None:
    rows, counts = read("rusentne", corpora["rusentne"])
    assert [(row.id, row.party, row.label, row.mentions[0].start) for row in rows] == [
        ("rusentne:train_data:2", "Ладу Сизову", "support", 31),
        ("rusentne:train_data:3", "Сизову", "criticize", 23),
        ("rusentne:train_data:4", "Маяк", "neutral", 1),
        ("rusentne:train_data:5", "Сизова", "neutral", 0),
    ]
    assert rows[2].text == '"Маяк" вышел, сказал он.'
    assert counts == {"offsets mended": 1, NOT_FOUND: 1, "same target again": 1}


def test_gerntsa(corpora: dict[str, Path]) -> None:
    rows, counts = read("gerntsa", corpora["gerntsa"])
    assert [(row.id, row.party, row.label) for row in rows] == [
        ("gerntsa:a1", "Edda Quill", "support"),
        ("gerntsa:a2", "Hafen", "criticize"),
    ]
    assert counts == {NOT_FOUND: 1}


def test_madtsc(corpora: dict[str, Path]) -> None:
    rows, counts = read("madtsc", corpora["madtsc"])
    assert [(row.id, row.party, row.label, row.group) for row in rows] == [
        ("madtsc:en/train:2", "Bel Orme", "neutral", "madtsc:g2"),
        ("madtsc:en/train:4", "Orme", "criticize", "madtsc:g4"),
    ]
    assert counts == {"same target with different polarities": 2}


def test_persent(corpora: dict[str, Path]) -> None:
    rows, counts = read("persent", corpora["persent"])
    assert [(row.id, row.text, row.label, row.holder, row.voice) for row in rows] == [
        ("persent:dev:7:0", 'Ada Quill Jr. said "no".', "support", "author", "author"),
        ("persent:dev:7:2", "Quill and aunt quilled; Quill left.", "neutral", "", ""),
    ]
    assert [[(m.start, m.surface) for m in row.mentions] for row in rows] == [
        [(0, "Ada Quill Jr.")],
        [(0, "Quill"), (24, "Quill")],
    ]
    assert {(row.party, row.doc_id, row.title) for row in rows} == {
        ("Ada Quill Jr.", "persent:7", "Ferries; again")
    }
    assert counts == {
        "label of a whole article": 2,
        "paragraph label of an article with fewer paragraphs than labels": 2,
        NOT_NAMED: 1,
    }


def test_semeval2016(corpora: dict[str, Path]) -> None:
    rows, counts = read("semeval2016", corpora["semeval2016"])
    assert [(row.id, row.text, row.label, row.holder) for row in rows] == [
        ("semeval2016:trainingdata:2", '"Vote ADA QUILL, the ferries will run!', "support", "author"),
        ("semeval2016:trainingdata:4", "Ada Quill, Ada Quill: who is she?", "neutral", ""),
    ]
    assert [len(row.mentions) for row in rows] == [1, 2]
    assert counts == {NOT_NAMED: 1, "same target again": 1}


def test_seesaw(corpora: dict[str, Path]) -> None:
    rows, counts = read("seesaw", corpora["seesaw"])
    assert [(row.id, row.party, row.label, row.holder) for row in rows] == [
        ("seesaw:TRIPLET_009_DOCUMENT_1:0:0", "Ada Quill", "criticize", "Edna Harrow"),
        ("seesaw:TRIPLET_009_DOCUMENT_1:0:2", "Harbour Party", "support", ""),
    ]
    assert [m.surface for m in rows[1].mentions] == ["Harbour Party", "harbour party"]
    assert (rows[0].split, rows[0].group, rows[0].date) == ("validation", "seesaw:009", "2031-04-05")
    assert (rows[0].outlet, rows[0].title, rows[0].sentence_index) == ("The Buoy", "Ferries", 0)
    assert counts == {NOT_NAMED: 2, "same target again": 1, "same target with different polarities": 2}


def test_every_format_has_a_reader_and_every_reader_is_tried_here(corpora: dict[str, Path]) -> None:
    assert set(READERS) == set(Format) - {Format.ROWS} == set(corpora)


@pytest.mark.parametrize("name", READERS)
def test_a_corpus_joins_with_an_overlay(name: str, corpora: dict[str, Path], tmp_path: Path) -> None:
    row = read(name, corpora[name])[0][0]
    write_overlay(tmp_path / "overlay.jsonl", iter([overlay_row(row, "natural")]))
    (joined,) = read_overlay(tmp_path / "overlay.jsonl", name, corpora[name])
    assert (joined.text, joined.mentions, joined.label) == (row.text, row.mentions, row.label)
    texts = [sentence.text for sentence in corpus_sentences(name, corpora[name])]
    assert len(texts) == len(set(texts))


def test_a_build_takes_all_of_them(corpora: dict[str, Path], tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("build_dataset", DATA / "build_dataset.py")
    assert spec
    assert spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    sources = [
        {"path": str(path), "shipped": True, "format": name, "licence": "CC0", "how": "Invented."}
        for name, path in corpora.items()
    ]
    config = {
        "name": "all",
        "title": "All",
        "summary": "For a test.",
        "licence": "cc0-1.0",
        "output": str(tmp_path / "built"),
        "sources": sources,
        "fractions": {"train": 1.0},
    }
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    recipe.build(load_config(recipe.DatasetConfig, tmp_path / "all.yaml"))
    manifest = json.loads((tmp_path / "built/manifest.json").read_text(encoding="utf-8"))
    assert {name: sum(n.values()) for name, n in manifest["counts"]["label_source"].items()} == {
        name: len(read(name, path)[0]) for name, path in corpora.items()
    }
    assert sum(manifest["counts"]["label"][label]["validation"] for label in ("support", "criticize")) == 2
    assert len([name for name in manifest["inputs"] if "SEESAW" in name]) == 3
    assert manifest["dropped"][NOT_NAMED] == 4


HEADER = RUSENTNE.splitlines()[0]
GOOD = RUSENTNE.splitlines()[1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rusentne", f"{HEADER}\n{GOOD}\na\tb\n", r":3: 2 cells, but 6 columns"),
        (
            "rusentne",
            f"{HEADER}\n{GOOD.replace('31', 'x')}\n",
            r":2: entity_pos_start_rel 'x' is not a whole",
        ),
        ("rusentne", f"{HEADER}\n{GOOD[:-1]}2\n", r":2: label '2' is not one of -1, 0, 1"),
        ("rusentne", "sentence\tentity\n", r":1: no column 'entity_pos_start_rel', only sentence, entity"),
        ("rusentne", f'{HEADER}\n"a"b\tb\tc\t0\t1\t1\n', r":2: not valid CSV"),
        ("rusentne", "", r":1: no column 'sentence', only nothing"),
        ("semeval2016", "ID\tTarget\tTweet\n", r":1: no column 'Stance'"),
        (
            "semeval2016",
            "ID\tTarget\tTweet\tStance\n1\tx\tx\tMAYBE\n",
            r":2: Stance 'MAYBE' is not one of FAVOR",
        ),
        ("persent", "DOCUMENT_INDEX,TITLE\n", r":1: no column 'TARGET_ENTITY'"),
        ("gerntsa", "{}", r": holds dict, not a list"),
        ("gerntsa", "[\n{]", r":2: not JSON"),
        ("gerntsa", "[1]", r": item 1: 1 is no object with a field 'opinion_snippet'"),
        ("gerntsa", json.dumps([*GERNTSA, GERNTSA[0] | {"id": 3}]), r": item 4: field 'id' is 3, not str"),
        (
            "gerntsa",
            json.dumps([GERNTSA[0] | {"sentiment": {"polarity": "good"}}]),
            r": item 1: polarity 'good' is not one of positive",
        ),
        ("madtsc", json.dumps(MADTSC[0]) + "\n\n{", r":3: not JSON"),
        ("madtsc", json.dumps(MADTSC[0] | {"targets": []}), r":1: primary_gid 'g1' is none of its targets"),
        (
            "madtsc",
            json.dumps(madtsc_line("g", [("g", "Ada", 0, 3)], "Ada.")),
            r":1: polarity 3 is not one of",
        ),
        ("madtsc", "1" * 5000, r":1: not JSON"),
        ("seesaw", "", r"no annotations/\*\.json in it"),
    ],
)
def test_bad_records_are_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"^{path}.*{message}"):
        list(READERS[name](path, Counter()))


def test_an_unknown_sentiment_of_a_paragraph_is_named(tmp_path: Path) -> None:
    write_persent(tmp_path / "x.csv", [PERSENT[0], PERSENT[1] | {"Paragraph0": "Good"}])
    with pytest.raises(InputError, match=r"x\.csv:6: Paragraph0 'Good' is not one of Positive"):
        list(READERS["persent"](tmp_path / "x.csv", Counter()))


@pytest.mark.parametrize(
    ("annotation", "article", "meta", "message"),
    [
        ({}, SEESAW_ARTICLE, SEESAW_META, "annotation: field 'sentence-level stances' is missing"),
        (
            {"sentence-level stances": {"8": []}},
            SEESAW_ARTICLE,
            SEESAW_META,
            "sentence 8: the article has no",
        ),
        ({"sentence-level stances": {"0": 5}}, SEESAW_ARTICLE, SEESAW_META, "sentence 0: field '0' is 5"),
        (
            {"sentence-level stances": {"0": [triple("A", "NEU", "B")]}},
            SEESAW_ARTICLE,
            SEESAW_META,
            "sentence 0: sentiment 'NEU' is not one of POS, NEG",
        ),
        (SEESAW, {"text": [{"id": "0", "text": ""}]}, SEESAW_META, "article: field 'id' is '0', not int"),
        (SEESAW, SEESAW_ARTICLE, SEESAW_META | {"Split": "x"}, "story: Split 'x' is not one of train"),
        (SEESAW, SEESAW_ARTICLE, {"Split": "train"}, "story: field 'Meta info for article 1' is missing"),
    ],
)
def test_a_broken_file_of_seesaw_is_named(
    annotation: Any, article: Any, meta: Any, message: str, tmp_path: Path
) -> None:
    write_seesaw(tmp_path, annotation, article, meta)
    with pytest.raises(InputError, match=rf"TRIPLET_009.*\.json: {message}"):
        list(READERS["seesaw"](tmp_path, Counter()))


def test_files_that_are_missing_or_misnamed_are_named(corpora: dict[str, Path]) -> None:
    (corpora["seesaw"] / "meta/TRIPLET_009.json").unlink()
    with pytest.raises(InputError, match=r"meta/TRIPLET_009\.json: cannot read: No such file"):
        list(READERS["seesaw"](corpora["seesaw"], Counter()))
    (corpora["seesaw"] / "annotations/0.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"0\.json: the name is not TRIPLET_"):
        list(READERS["seesaw"](corpora["seesaw"], Counter()))


def gives_rows_or_names_the_place(name: str, path: Path) -> bool:
    try:
        return all(isinstance(row, Example) for row in READERS[name](path, Counter()))
    except InputError as error:
        return str(path) in str(error)


FREE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
TEXT_READERS = sorted(set(READERS) - {"seesaw"})


@given(before=FREE, name=FREE, after=FREE)
def test_a_name_is_found_as_whole_words_only(before: str, name: str, after: str) -> None:
    text = before + name + after
    found = named(text, name)
    for mention in found:
        mention.check(text)
        assert mention.surface.lower() == " ".join(name.split()).lower() or not mention.surface.isascii()
        assert not text[mention.start - 1 : mention.start].isalnum()
        assert not text[mention.end : mention.end + 1].isalnum()
    alone = not before[-1:].isalnum() and not after[:1].isalnum() and "_" not in before[-1:] + after[:1]
    if alone and name.split() and name == " ".join(name.split()):
        assert len(found) >= 1


@given(text=FREE, start=st.integers(0, 40), end=st.integers(0, 40))
def test_what_stands_at_its_offsets_is_found_there(text: str, start: int, end: int) -> None:
    counts: Counter[str] = Counter()
    mention = at_offsets(text, text[start:end], start, end, counts)
    if start < end <= len(text):
        assert mention
        assert (mention.start, mention.end) == (start, end)
        assert not counts
    elif mention:
        mention.check(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(before=FREE, name=FREE.filter(str.strip), after=FREE)
def test_any_sentence_comes_back_as_it_was(tmp_path: Path, before: str, name: str, after: str) -> None:
    text, start = before + name + after, len(before)
    path = tmp_path / "x.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerows([HEADER.split("\t"), [text, name, "PERSON", start, start + len(name), "1"]])
    (row,) = READERS["rusentne"](path, Counter())
    assert (row.text, row.mentions[0].start, row.party) == (text, start, name)

    path.write_text(f"ID\tTarget\tTweet\tStance\n1\t{name}\t{text}\tFAVOR\n", encoding="utf-8")
    for row in READERS["semeval2016"](path, Counter()):
        assert row.text == text.strip().removesuffix("#SemST").rstrip()


@pytest.mark.parametrize("name", TEXT_READERS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_file_gives_rows_or_an_input_error(
    name: str, corpora: dict[str, Path], tmp_path: Path, data: st.DataObject
) -> None:
    whole = corpora[name].read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    path = tmp_path / "damaged"
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:])
    assert gives_rows_or_names_the_place(name, path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | FREE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FREE, inner, max_size=3),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@pytest.mark.parametrize("name", ["gerntsa", "madtsc", "newsmtsc", "seesaw"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_field_may_hold_anything(name: str, tmp_path: Path, data: st.DataObject) -> None:
    records = {"gerntsa": GERNTSA, "seesaw": [SEESAW, SEESAW_ARTICLE, SEESAW_META]}.get(name, MADTSC)
    value: list[Any] = json.loads(json.dumps(records))
    container, key = data.draw(st.sampled_from(places(value)))
    container[key] = data.draw(JSON)
    path = tmp_path / name
    if name == "seesaw":
        write_seesaw(path, *value)
    elif name == "gerntsa":
        path.write_text(json.dumps(value), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(line) + "\n" for line in value), encoding="utf-8")
    assert gives_rows_or_names_the_place(name, path)
