import json
from collections import Counter
from pathlib import Path

import pytest

from partystance.errors import InputError
from partystance.labels.newsmtsc import read_newsmtsc

FILES = Path(__file__).parent / "data/newsmtsc"
CORPUS = Path(__file__).parents[2] / "shared/data/newsmtsc"


def test_published_format_by_hand():
    counts = Counter()
    rows = list(read_newsmtsc(FILES / "train.jsonl", counts))
    assert [(e.doc_id, e.sentence_index, e.party, e.label) for e in rows] == [
        ("polusa_v1_101_-1", 4, "Ada Quill", "neutral"),
        ("polusa_v1_101_-1", 4, "Tom Reyne", "support"),
        ("allsides_7_22", 0, "Reyne", "criticize"),
        ("allsides_7_22", 0, "Quill", "neutral"),
    ]
    assert all(e.group == e.doc_id and e.label_source == "newsmtsc" and len(e.mentions) == 1 for e in rows)
    assert rows[0].text == rows[1].text
    assert +counts == {
        "same target again": 1,
        "same target with different polarities": 2,
        "mention not at its offsets and not found elsewhere without doubt": 1,
    }


def test_hf_format_by_hand():
    counts = Counter()
    rows = list(read_newsmtsc(FILES / "dev.jsonl", counts))
    assert [(e.id, e.label, e.mentions[0].start) for e in rows] == [
        ("newsmtsc:polusa_v1_102_-1_12_Bel Orme_18_26", "criticize", 19),
        ("newsmtsc:allsides_8_30_2_Bel Orme_0_4", "neutral", 0),
        ("newsmtsc:allsides_8_30_3_Bel Orme_6_10", "support", 14),
    ]
    assert +counts == {"offsets mended": 2}


GOOD = {
    "mention": "Orme",
    "polarity": 0,
    "from": 0,
    "to": 4,
    "sentence": "Orme left.",
    "id": "allsides_8_30_2_O_0_4",
}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", r"bad\.jsonl:2: not JSON"),
        (json.dumps(GOOD | {"polarity": 3}), r"bad\.jsonl:2: polarity 3 is not one of -1, 0, 1"),
        (json.dumps(GOOD | {"id": "elsewhere"}), r"bad\.jsonl:2: gid 'elsewhere'"),
        (
            json.dumps({k: v for k, v in GOOD.items() if k != "from"}),
            r"bad\.jsonl:2: field 'from' is missing",
        ),
        (json.dumps(GOOD | {"sentence": None}), r"bad\.jsonl:2: "),
        ("[1]", r"bad\.jsonl:2: "),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        list(read_newsmtsc(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl: cannot read: No such file"):
        list(read_newsmtsc(tmp_path / "none.jsonl"))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the NewsMTSC corpus is not beside the checkout")
@pytest.mark.parametrize("name", ["train", "rw_dev", "mt_dev"])
def test_the_real_files_lose_only_repeated_targets(name):
    path, counts = CORPUS / f"{name}.jsonl", Counter()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    targets = [
        (line.get("sentence") or line["sentence_normalized"], t["from"], t["to"])
        for line in lines
        for t in line.get("targets", [line])
    ]
    rows = list(read_newsmtsc(path, counts))
    assert len(rows) == len(set(targets))
    assert counts == {"same target again": len(targets) - len(set(targets))}
