"""Labelling tools: what annotators give back in each tool's own form is on the rows, and only that."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from partystance.cli import app
from partystance.errors import InputError
from partystance.exchange import label_studio, tools
from partystance.exchange.merge import Findings
from partystance.exchange.tasks import read_rows_to_label
from partystance.exchange.tools import ToolName
from partystance.schema import LABELS, PREDICTION_FIELDS, Annotation, Example, Mention, Prediction
from partystance.tables import RowWriter, read_examples, write_rows

ROOT = Path(__file__).parents[1]
ROW = Example(
    id="a:0:arvenia",
    text="Norland thanked Arvenia 😀 and Arvenia left.",
    party="arvenia",
    mentions=(Mention(16, 23, "Arvenia"), Mention(30, 37, "Arvenia")),
    label="support",
    holder="norland",
    voice="reported",
    label_source="rule",
    title="A visit",
    group="a",
)
OTHER = replace(ROW, id="b:0:arvenia", label="", holder="", voice="", label_source="")
SUFFIXES = {
    ToolName.LABEL_STUDIO: ".json",
    ToolName.DOCCANO: ".jsonl",
    ToolName.PRODIGY: ".jsonl",
    ToolName.SHEET: ".csv",
}

# What a tool gives back of the tasks it was given, when `who` answers each by `said[id]` (stance, holder).
Said = dict[str, tuple[str, str]]


def label_studio_export(sent: Path, who: str, said: Said, **more: Any) -> list[dict[str, Any]]:
    """Tasks with the marks that were suggested, and a new choice; shape of version 1.23.2."""
    back = []
    for number, task in enumerate(json.loads(sent.read_text(encoding="utf-8")), start=1):
        marks = [item for item in task["predictions"][0]["result"] if item["type"] == "labels"]
        annotations = []
        if task["data"]["id"] in said:
            label, holder = said[task["data"]["id"]]
            item = {"to_name": "text", "origin": "manual"}
            result = [
                *marks,
                item | {"from_name": "stance", "type": "choices", "value": {"choices": [label]}},
                item | {"from_name": "holder", "type": "textarea", "value": {"text": [holder]}},
            ]
            user = {"id": 2, "email": who, "first_name": "", "last_name": ""}
            annotations = [{"id": number, "completed_by": user, "result": result, "was_cancelled": False,
                            "updated_at": "2031-05-01T10:00:00.5Z", **more}]  # fmt: skip
        back.append({"id": number, "data": task["data"], "annotations": annotations, "predictions": [number]})
    return back


def from_label_studio(sent: Path, who: str, said: Said) -> Path:
    path = sent.with_name("export.json")
    path.write_text(json.dumps(label_studio_export(sent, who, said)), encoding="utf-8")
    return path


def from_doccano(sent: Path, who: str, said: Said) -> Path:
    lines = [json.loads(line) for line in sent.read_text(encoding="utf-8").split("\n") if line]
    for number, line in enumerate(lines):  # doccano: its own id, metadata flattened, one file a member
        line |= {
            "id": number,
            "Comments": [],
            "cats": [said[line["row_id"]][0]] if line["row_id"] in said else [],
        }
    return json_lines(sent.with_name(f"{who}.jsonl"), lines)


def from_prodigy(sent: Path, who: str, said: Said) -> Path:
    lines = [json.loads(line) for line in sent.read_text(encoding="utf-8").split("\n") if line]
    for line in lines:
        line |= {"_input_hash": 1, "_annotator_id": who, "_session_id": who, "_timestamp": 1_700_000_000}
        line |= {"answer": "accept" if line["row_id"] in said else "ignore"}
        line["accept"], line["holder"] = (
            [said.get(line["row_id"], ("", ""))[0]],
            said.get(line["row_id"], "  ")[1],
        )
    return json_lines(sent.with_name("dbout.jsonl"), lines)


def from_csv(sent: Path, who: str, said: Said) -> Path:
    rows = list(csv.reader(io.StringIO(sent.read_text(encoding="utf-8-sig"), newline="")))
    fill(rows, who, said)
    path = sent.with_name("back.csv")
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";", quoting=csv.QUOTE_ALL).writerows(rows)
    return path


def from_excel(sent: Path, who: str, said: Said) -> Path:
    book = openpyxl.load_workbook(sent)
    sheet = book.worksheets[0]
    rows = [["" if cell.value is None else str(cell.value) for cell in row] for row in sheet.iter_rows()]
    fill(rows, who, said)
    for number, row in enumerate(rows, start=1):
        for column in (7, 8, 9):
            sheet.cell(number, column, row[column - 1] or None)
    book.save(sent.with_name("back.xlsx"))
    return sent.with_name("back.xlsx")


def fill(rows: list[list[str]], who: str, said: Said) -> None:
    assert rows[0][-3:] == ["label", "holder", "annotator"]
    for row in rows[1:]:
        if row[0] in said:
            row[-3:] = [said[row[0]][0].title(), said[row[0]][1], who]


def json_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


FORMS: dict[str, tuple[ToolName, str, Callable[[Path, str, Said], Path]]] = {
    "label-studio": (ToolName.LABEL_STUDIO, "sent.json", from_label_studio),
    "doccano": (ToolName.DOCCANO, "sent.jsonl", from_doccano),
    "prodigy": (ToolName.PRODIGY, "sent.jsonl", from_prodigy),
    "csv": (ToolName.SHEET, "sent.csv", from_csv),
    "excel": (ToolName.SHEET, "sent.xlsx", from_excel),
}

SCRIPTS = "😀 👨‍👩‍👧 🇳🇴 e\u0301 n\u0303 北国 שלום مرحبا \u200f 𐐷".split()
SPACES = [" ", "\r\n", "\t", "\u00a0"]
MARKUP = ["=1+1", "'=", "@x", "{{text}}", "$text", "<b>", '"', ";", ",", "_x0041_", "\x08", "\\"]
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
PIECES = st.one_of(st.sampled_from(SCRIPTS + SPACES), st.sampled_from(MARKUP), ANYTHING)


@st.composite
def rows_of_any_text(draw: st.DrawFn) -> Example:
    before, between, after = (draw(st.lists(PIECES, max_size=4).map("".join)) for _ in range(3))
    surface = draw(st.sampled_from(["Arvenia", "北国", "e\u0301tat 😀"]))
    text = f"{before}{surface}{between}{surface}{after}"
    second = len(before) + len(surface) + len(between)
    mentions = tuple(Mention(i, i + len(surface), surface) for i in (len(before), second))
    label = draw(st.sampled_from(["", *LABELS]))
    return replace(ROW, text=text, mentions=mentions, label=label, holder="", voice="")


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(rows_of_any_text(), min_size=1, max_size=3), label=st.sampled_from(LABELS))
def test_any_text_comes_back_with_the_answer(
    form: str, texts: list[Example], label: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tool, name, tool_returns = FORMS[form]
    rows = [replace(row, id=f"r:{number}") for number, row in enumerate(texts)]
    folder = tmp_path_factory.mktemp("x")
    tools.write(tool, rows, folder / name)
    said = {rows[0].id: (label, "the envoy 😀")}
    findings = Findings()
    back = list(tools.read(tool, [tool_returns(folder / name, "ann", said)], rows, findings))
    assert findings.problems == []
    assert back[1:] == rows[1:]
    holder = "" if form == "doccano" else "the envoy 😀"
    assert back[0].annotations == (Annotation("ann", label, holder),)
    assert (back[0].label, back[0].label_source) == (label, "human")
    assert (back[0].id, back[0].text, back[0].mentions) == (rows[0].id, rows[0].text, rows[0].mentions)


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    tools.write(ToolName.LABEL_STUDIO, [ROW, OTHER], tmp_path / "sent.json")
    return tmp_path / "sent.json"


def read_back(exports: list[Any], folder: Path, rows: list[Example]) -> tuple[list[Example], Findings]:
    findings = Findings()
    paths = [folder / f"{number}.json" for number in range(len(exports))]
    for path, export in zip(paths, exports, strict=True):
        path.write_text(json.dumps(export), encoding="utf-8")
    return list(tools.read(ToolName.LABEL_STUDIO, paths, rows, findings)), findings


def test_suggestions_are_filled_in(tmp_path: Path, sent: Path) -> None:
    first, second = json.loads(sent.read_text(encoding="utf-8"))
    values = {item["from_name"]: item["value"] for item in first["predictions"][0]["result"]}
    assert values["stance"] == {"choices": ["support"]}
    assert values["holder"] == {"text": ["norland"]}
    assert values["party"] == {"start": 30, "end": 37, "text": "Arvenia", "labels": ["party"]}
    assert first["data"]["suggested_by"] == "rule"
    assert [item["type"] for item in second["predictions"][0]["result"]] == ["labels", "labels"]
    versions = {task["predictions"][0]["model_version"] for task in (first, second)}
    assert len(versions) == 1, "Label Studio shows the predictions of one version only"


@pytest.mark.parametrize(("tool", "blind"), product(ToolName, (False, True)))
def test_a_blind_export_gives_no_label_away(tool: ToolName, blind: bool, tmp_path: Path) -> None:
    path = tmp_path / f"sent{SUFFIXES[tool]}"
    agreed = (Annotation("p", "support", "norland"), Annotation("q", "support"))
    tools.write(tool, [ROW, replace(OTHER, annotations=agreed)], path, blind=blind)
    content = path.read_text(encoding="utf-8").replace('{"id": "support", "text": "support"}', "")
    assert content.count("support") == (0 if blind else content.count("support") or 1)
    assert ("rule" in content, "p, q" in content) == (not blind, not blind)


def test_annotators_who_differ_agree_or_stand_alone(tmp_path: Path, sent: Path) -> None:
    third = replace(
        OTHER, id="c", annotations=(Annotation("rule", "neutral"), Annotation("llm:x", "neutral"))
    )
    rows = [ROW, OTHER, third]
    tools.write(ToolName.LABEL_STUDIO, rows, sent)
    ann = label_studio_export(sent, "ann", {r.id: ("criticize", "norland") for r in rows})
    ben = label_studio_export(sent, "ben", {ROW.id: ("neutral", ""), OTHER.id: ("criticize", "author")})
    back, findings = read_back([ann, ben], tmp_path, rows)
    assert [(r.label, r.holder, r.label_source, r.voice) for r in back] == [
        ("", "", "", ""),  # they differ: nobody's
        ("criticize", "", "human", ""),  # same stance, another holder
        ("criticize", "norland", "human", ""),  # programs have no vote
    ]
    assert [a.annotator for a in back[2].annotations] == ["rule", "llm:x", "ann"]
    assert findings.counts["rows labelled"] == 2
    assert findings.counts["rows whose annotators differ, left to aggregate"] == 1


def test_a_confirmed_suggestion_keeps_what_belongs_to_it(tmp_path: Path, sent: Path) -> None:
    row = replace(ROW, mixed=True)
    back, _ = read_back([label_studio_export(sent, "ann", {ROW.id: ("support", "norland")})], tmp_path, [row])
    assert (back[0].voice, back[0].mixed, back[0].label_source) == ("reported", True, "human")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_answer_counts_in_whatever_order_exports_come(
    order: tuple[int, int], tmp_path: Path, sent: Path
) -> None:
    old = label_studio_export(sent, "ann", {ROW.id: ("support", "x")}, updated_at="2031-05-01T10:00:00Z")
    new = label_studio_export(
        sent, "ann", {ROW.id: ("criticize", "y")}, updated_at="2031-05-01T09:30:00-03:00"
    )
    back, findings = read_back([(old, new)[i] for i in order], tmp_path, [ROW, OTHER])
    assert back[0].annotations == (Annotation("ann", "criticize", "y"),)
    assert findings.counts["older answers of the same annotator, replaced"] == 1
    assert findings.counts["answers read"] == 2


def test_importing_again_replaces_an_annotator_and_keeps_the_others(tmp_path: Path, sent: Path) -> None:
    earlier = replace(ROW, label="", annotations=(Annotation("ann", "neutral"), Annotation("ben", "support")))
    back, _ = read_back([label_studio_export(sent, "ann", {ROW.id: ("support", "")})], tmp_path, [earlier])
    assert back[0].annotations == (Annotation("ben", "support"), Annotation("ann", "support"))
    assert back[0].label == "support"


def test_skipped_tasks_and_drafts_are_counted(tmp_path: Path, sent: Path) -> None:
    skipped = label_studio_export(sent, "ann", {ROW.id: ("support", "")}, was_cancelled=True)
    skipped[1]["drafts"] = [{"id": 1, "result": []}]
    back, findings = read_back([skipped], tmp_path, [ROW, OTHER])
    assert back == [ROW, OTHER]
    assert findings.counts["skipped by an annotator"] == 1
    assert findings.counts["drafts that nobody submitted"] == 1


def set_stance(*choices: str) -> Callable[[dict[str, Any]], None]:
    def change(task: dict[str, Any]) -> None:
        task["annotations"][0]["result"][2]["value"]["choices"] = list(choices)

    return change


def set_mark(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda task: task["annotations"][0]["result"][0]["value"].update(values)


def set_data(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda task: task["data"].update(values)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_stance("favor"), "label 'favor' is not one of support, neutral, criticize"),
        (set_stance("support", "neutral"), "label 'support, neutral' is not one of"),
        (set_stance(), "submitted without a stance"),
        (set_mark(start=17), "region 17 to 23 does not hold 'Arvenia'"),
        (set_mark(text="Norland"), "region 16 to 23 does not hold 'Norland'"),
        (set_mark(start=None), "no offsets"),
        (set_mark(start=10**9, end=10**9 + 7), "does not hold"),
        (set_data(id="z"), "no row of the exported file has this id"),
        (set_data(text="Norland left Arvenia Arvenia."), "does not hold"),
        (set_data(id=7), "not one of our tasks: data.id"),
        (lambda task: task.pop("data"), "not one of our tasks: data: Field required"),
        (lambda task: task["annotations"][0].update(updated_at="soon"), "not one of our tasks"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_name(
    change: Callable[[dict[str, Any]], None], reason: str, tmp_path: Path, sent: Path
) -> None:
    export = label_studio_export(sent, "ann", {ROW.id: ("support", "")})
    change(export[0])
    back, findings = read_back([export], tmp_path, [ROW, OTHER])
    assert back == [ROW, OTHER]
    assert len(findings.problems) == 1
    assert reason in findings.problems[0].reason
    assert findings.problems[0].place.endswith("0.json: task 1")


def test_another_sentence_under_the_same_id_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "back.csv"
    path.write_text("id,text,label\na:0:arvenia,Norland thanked Arvenia.,support\n", encoding="utf-8")
    findings = Findings()
    assert list(tools.read(ToolName.SHEET, [path], [ROW], findings)) == [ROW]
    assert "its sentence is not the row's: 'Norland thanked Arvenia.'" in findings.problems[0].reason


def test_marks_of_old_versions_count_code_units_or_leave_white_space_out(tmp_path: Path) -> None:
    text = " \n😀 Arvenia, 👨‍👩‍👧 Arvenia"
    first, second = (i for i in range(len(text)) if text.startswith("Arvenia", i))
    row = replace(ROW, text=text, mentions=tuple(Mention(i, i + 7, "Arvenia") for i in (first, second)))
    tools.write(ToolName.LABEL_STUDIO, [row], tmp_path / "sent.json")
    export = label_studio_export(tmp_path / "sent.json", "ann", {row.id: ("support", "")})
    javascript = [text.encode("utf-16-le").index("Arvenia".encode("utf-16-le")) // 2, len(text) - 7 + 4]
    for trimmed in (0, 2):
        for item, start in zip(export[0]["annotations"][0]["result"], javascript, strict=False):
            item["value"] |= {"start": start - trimmed, "end": start - trimmed + 7}
        back, findings = read_back([export], tmp_path, [row])
        assert (findings.problems, back[0].mentions) == ([], row.mentions)
        assert not findings.counts["rows where an annotator marked other words; the row keeps its own"]


def test_other_marks_do_not_change_the_row_but_are_counted(tmp_path: Path, sent: Path) -> None:
    export = label_studio_export(sent, "ann", {ROW.id: ("support", "")})
    set_mark(start=0, end=7, text="Norland")(export[0])
    back, findings = read_back([export], tmp_path, [ROW, OTHER])
    assert (back[0].mentions, back[0].label) == (ROW.mentions, "support")
    assert findings.counts["rows where an annotator marked other words; the row keeps its own"] == 1


@pytest.mark.parametrize("user", [2, {"id": 2}])
def test_an_annotator_without_a_name_is_a_number(user: Any, tmp_path: Path, sent: Path) -> None:
    export = label_studio_export(sent, "ann", {ROW.id: ("support", "")}, completed_by=user)
    back, _ = read_back([export], tmp_path, [ROW])
    assert back[0].annotations[0].annotator == "user-2"


@pytest.mark.parametrize(
    ("session", "name"),
    [
        ("stances-ann", "stances-ann"),
        ("2031-05-01_10-11-12", "dbout"),
        ("stances-2031-05-01_10-11-12", "dbout"),
    ],
)
def test_a_session_that_nobody_named_is_no_annotator(session: str, name: str, tmp_path: Path) -> None:
    tools.write(ToolName.PRODIGY, [ROW], tmp_path / "sent.jsonl")
    path = from_prodigy(tmp_path / "sent.jsonl", session, {ROW.id: ("neutral", "")})
    back = list(tools.read(ToolName.PRODIGY, [path], [ROW], Findings()))
    assert [a.annotator for a in back[0].annotations] == [name]


def test_a_rejected_task_is_no_answer(tmp_path: Path) -> None:
    tools.write(ToolName.PRODIGY, [ROW, OTHER], tmp_path / "sent.jsonl")
    path = from_prodigy(tmp_path / "sent.jsonl", "ann", {ROW.id: ("neutral", "")})
    path.write_text(
        path.read_text()
        .replace('"accept", "_', '"x", "_')
        .replace('"answer": "accept"', '"answer": "reject"')
    )
    findings = Findings()
    assert list(tools.read(ToolName.PRODIGY, [path], [ROW, OTHER], findings)) == [ROW, OTHER]
    assert findings.counts["tasks with the answer reject, not used"] == 1
    assert findings.counts["tasks with the answer ignore, not used"] == 1


def test_doccano_says_when_answers_may_be_unread_suggestions(tmp_path: Path) -> None:
    tools.write(ToolName.DOCCANO, [ROW, OTHER], tmp_path / "all.jsonl")
    findings = Findings()
    back = list(tools.read(ToolName.DOCCANO, [tmp_path / "all.jsonl"], [ROW, OTHER], findings))
    assert [a.annotator for a in back[0].annotations] == ["all"]
    assert findings.counts["answers that equal the suggestion (approved or not)"] == 1
    assert findings.counts["tasks without an answer"] == 1


def test_no_cell_of_a_sheet_is_a_formula(tmp_path: Path) -> None:
    evil = replace(
        ROW, text='=HYPERLINK("x")Arvenia', mentions=(Mention(15, 22, "Arvenia"),), id="@1", party="+p"
    )
    for name in ("s.csv", "s.xlsx"):
        tools.write(ToolName.SHEET, [evil], tmp_path / name)
    cells = csv.reader(io.StringIO((tmp_path / "s.csv").read_text(encoding="utf-8-sig"), newline=""))
    assert not [cell for row in cells for cell in row if cell.startswith(("=", "+", "-", "@"))]
    sheet = openpyxl.load_workbook(tmp_path / "s.xlsx").worksheets[0]
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert sheet["B2"].value == '\'=HYPERLINK("x")Arvenia'


def test_a_number_that_excel_made_of_an_id_is_the_id(tmp_path: Path) -> None:
    row = replace(ROW, id="7")
    tools.write(ToolName.SHEET, [row], tmp_path / "s.xlsx")
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    book.worksheets[0]["A2"], book.worksheets[0]["G2"] = 7.0, "neutral"
    book.save(tmp_path / "s.xlsx")
    back = list(tools.read(ToolName.SHEET, [tmp_path / "s.xlsx"], [row], Findings()))
    assert back[0].annotations == (Annotation("s", "neutral"),)


def test_a_sentence_too_long_for_excel_is_named(tmp_path: Path) -> None:
    row = replace(ROW, text=ROW.text + "x" * 32_767)
    with pytest.raises(InputError, match="a cell of Excel holds 32767 characters, not 32"):
        tools.write(ToolName.SHEET, [row], tmp_path / "s.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("tool", "name", "content", "message"),
    [
        (ToolName.LABEL_STUDIO, "a.json", b"[{", "a.json: not a JSON export of Label Studio"),
        (ToolName.LABEL_STUDIO, "a.json", b"[" * 100_000, "not a JSON export of Label Studio"),
        (ToolName.LABEL_STUDIO, "a.json", b'{"tasks": []}', "is a list of tasks: choose JSON"),
        (ToolName.LABEL_STUDIO, "a.json", b'["\xff"]', "not a JSON export of Label Studio"),
        (ToolName.DOCCANO, "a.jsonl", b'{"text": "\xff"}\n', "a.jsonl: not UTF-8"),
        (ToolName.SHEET, "a.csv", b"id,text\n1,x\n", "a.csv:1: no column 'label'"),
        (ToolName.SHEET, "a.csv", b"", "a.csv:1: no column 'id'"),
        (ToolName.SHEET, "a.csv", b"id,text,label\n1,x,y,z\n", "a.csv:2: more cells than the header has"),
        (ToolName.SHEET, "a.csv", b"id,text,label\n1,\xe9t\xe9,support\n", "save as 'CSV UTF-8' or as .xlsx"),
        (ToolName.SHEET, "a.csv", b'id,text,label\n1,"x\n', "a.csv:2: not valid CSV"),
        (ToolName.SHEET, "a.xlsx", b"PK not really", "a.xlsx: not an Excel workbook"),
        (ToolName.SHEET, "a.xlsx", b"", "a.xlsx: not an Excel workbook"),
        (ToolName.SHEET, "a.ods", b"", "takes .csv or .xlsx, not '.ods'"),
    ],
)
def test_a_broken_export_is_named(
    tool: ToolName, name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        list(tools.read(tool, [tmp_path / name], [ROW], Findings()))


@pytest.mark.parametrize("tool", ToolName)
def test_a_missing_export_is_named(tool: ToolName, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        list(tools.read(tool, [tmp_path / f"none{SUFFIXES[tool]}"], [ROW], Findings()))


def test_a_broken_line_does_not_hide_the_others(tmp_path: Path) -> None:
    tools.write(ToolName.PRODIGY, [ROW], tmp_path / "sent.jsonl")
    path = from_prodigy(tmp_path / "sent.jsonl", "ann", {ROW.id: ("neutral", "")})
    path.write_text('{"text": \n\n{"row_id": "x"}\n' + path.read_text())
    findings = Findings()
    back = list(tools.read(ToolName.PRODIGY, [path], [ROW], findings))
    assert back[0].label == "neutral"
    assert [p.place.rpartition(":")[2] for p in findings.problems] == ["1", "3"]
    assert "text: Field required" in findings.problems[1].reason


def test_the_page_offers_the_stances_and_the_names_that_are_read_back() -> None:
    page = ET.parse(ROOT / "configs" / "annotation" / "label_studio.xml").getroot()
    assert [choice.attrib["value"] for choice in page.iter("Choice")] == list(LABELS)
    controls = {tag: next(page.iter(tag)).attrib["name"] for tag in ("Text", "Labels", "Choices", "TextArea")}
    names = (label_studio.TEXT, label_studio.PARTY, label_studio.STANCE, label_studio.HOLDER)
    assert tuple(controls.values()) == names
    assert [label.attrib["value"] for label in page.iter("Label")] == [label_studio.PARTY]
    fields = {value[1:] for tag in page.iter() for value in tag.attrib.values() if value.startswith("$")}
    assert {"text", "title"} <= fields <= {"text", "title", "outlet", "date", "party"}


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stderr


def test_the_commands_from_predictions_to_labelled_rows(tmp_path: Path) -> None:
    stances = tmp_path / "stances.parquet"
    with RowWriter(stances, PREDICTION_FIELDS) as writer:
        for row in (ROW, OTHER):
            prediction = Prediction(row.id, "a", 0, 0, 43, row.text, row.mentions, row.party, "support",
                                    (0.8, 0.1, 0.1), "m@1", title="A visit")  # fmt: skip
            writer.write(prediction.to_row())
    code, told = run("export", stances, "--to", "label-studio", "--out", tmp_path / "sent.json")
    assert (code, "2 tasks in" in told) == (0, True)
    tasks = json.loads((tmp_path / "sent.json").read_text(encoding="utf-8"))
    assert tasks[0]["data"]["suggested_by"] == "model:m@1"

    export = label_studio_export(tmp_path / "sent.json", "", {ROW.id: ("criticize", "norland")})
    export.append({"id": 9, "data": {"id": "z", "text": "x"}, "annotations": export[0]["annotations"]})
    (tmp_path / "back.json").write_text(json.dumps(export), encoding="utf-8")
    out = tmp_path / "labelled.jsonl"
    origin = ("--from", "label-studio", "--rows", stances, "--annotator", "user-2=ben")
    code, told = run("import", tmp_path / "back.json", *origin, "--out", out)
    assert code == 0
    assert "1  rows labelled" in told
    assert "1 answers refused, all in" in told
    first, second = read_examples(out)
    assert (first.label, first.label_source, first.title) == ("criticize", "human", "A visit")
    assert first.annotations == (Annotation("ben", "criticize", "norland"),)
    assert (second.label, second.label_source, second.annotations) == ("support", "model:m@1", ())
    refused = [json.loads(line) for line in (tmp_path / "labelled.refused.jsonl").read_text().splitlines()]
    assert [(r["row_id"], r["annotator"]) for r in refused] == [("z", "user-2")]


IMPORT = "import no.json --from label-studio --rows rows.jsonl --out x.jsonl"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("export rows.jsonl --to doccano --out x.csv", "takes .jsonl, not '.csv'"),
        ("export twice.jsonl --to doccano --out x.jsonl", "row 2 has the id 'a:0:arvenia' of an earlier row"),
        ("export half.jsonl --to doccano --out x.jsonl", "surrogates not allowed"),
        (IMPORT, "no.json: not a JSON export"),
        (f"{IMPORT} --annotator ben", "--annotator 'ben': write it as old=new"),
    ],
)
def test_mistakes_are_told_in_a_line(
    command: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows("rows.jsonl", [ROW.to_row()])
    write_rows("twice.jsonl", [ROW.to_row(), ROW.to_row()])
    Path("half.jsonl").write_text(json.dumps(ROW.to_row() | {"title": "\ud83d"}))
    before = set(tmp_path.iterdir())
    code, told = run(*command.split())
    assert code == 1
    assert message in told
    assert set(tmp_path.iterdir()) == before


def test_rows_that_are_neither_examples_nor_predictions_are_named(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"id": "1", "text": "x"}])
    with pytest.raises(InputError, match="'party' is missing"):
        list(read_rows_to_label(tmp_path / "rows.jsonl"))
