"""`partystance annotate` as its user meets it: real files, a real server on loopback, interruptions."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import Action, ChatServer, answer, by_word, content, respond, serve
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score
from typer.testing import CliRunner

from partystance.cli import app
from partystance.llm.annotating import STOP_AFTER
from partystance.schema import Example, Mention
from partystance.tables import read_examples, write_rows

KEY = "sk-very-secret"
PARTIES = "parties:\n  - {id: norland, name: Norland, kind: country, aliases: [Norlanders]}\n"


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parties.yaml").write_text(PARTIES)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with serve() as server:
        yield server


def row(number: int, said: str, label: str = "", source: str = "curated", **fields: Any) -> Example:
    """A row whose sentence makes the server say a label."""
    text = f"Arvenia got {said} from Norland on day {number}."
    return Example(
        f"r{number}", text, "arvenia", (Mention(0, 7, "Arvenia"),),
        label=label, label_source=source if label else "", doc_id=f"d{number % 4}", **fields,
    )  # fmt: skip


MIXED = [
    row(1, "support", "support", holder="norland"),
    row(2, "neutral", "support", holder="norland"),
    row(3, "criticize", "criticize", "human", holder="arvenia"),
    row(4, "neutral", "neutral"),
    row(5, "criticize", "neutral", "rule"),
    row(6, "support"),
    row(7, "neutral"),
]


def command(folder: Path, url: str, *more: str, out: str = "out.jsonl") -> list[str]:
    return [
        "annotate", str(folder / "rows.jsonl"), "--model", "tiny", "--base-url", url,
        "--out", str(folder / out), "--cache", str(folder / "cache.sqlite"),
        "--parties", str(folder / "parties.yaml"), *more,
    ]  # fmt: skip


def annotate(
    folder: Path, rows: list[Example], url: str, *more: str, out: str = "out.jsonl"
) -> tuple[int, str]:
    """Run the command; return its exit code and all that it printed."""
    write_rows(folder / "rows.jsonl", (example.to_row() for example in rows))
    result = CliRunner().invoke(app, command(folder, url, *more, out=out))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def labels(path: Path) -> dict[str, tuple[str, str, str]]:
    return {r.id: (r.label, r.holder, r.label_source) for r in read_examples(path)}


def said(path: Path) -> dict[str, list[str]]:
    return {r.id: [a.label for a in r.annotations if a.annotator == "llm:tiny"] for r in read_examples(path)}


# What it writes


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv", "out.parquet"])
def test_rows_without_a_label_take_the_models(tmp_path: Path, chat: ChatServer, out: str) -> None:
    code, printed = annotate(tmp_path, MIXED, chat.url, "--min-scored", "4", out=out)
    assert code == 0, printed
    found = labels(tmp_path / out)
    assert found.pop("r6") == ("support", "norland", "llm:tiny")  # the server says "Norland"
    assert found.pop("r7") == ("neutral", "", "llm:tiny")
    assert found == {r.id: (r.label, r.holder, r.label_source) for r in MIXED if r.label}
    expected = ["support", "neutral", "criticize", "neutral", "criticize", "support", "neutral"]
    assert list(said(tmp_path / out).values()) == [[label] for label in expected]


def test_other_annotations_stay_and_its_own_is_replaced(tmp_path: Path, chat: ChatServer) -> None:
    from partystance.schema import Annotation

    older = (Annotation("ann", "neutral"), Annotation("llm:tiny", "criticize", "x"))
    rows = [row(1, "support", "neutral", annotations=older), row(2, "support", "criticize", "llm:tiny")]
    code, printed = annotate(tmp_path, rows, chat.url, "--unscored")
    assert code == 0, printed
    first, second = read_examples(tmp_path / "out.jsonl")
    assert [(a.annotator, a.label, a.holder) for a in first.annotations] == [
        ("ann", "neutral", ""),
        ("llm:tiny", "support", "norland"),
    ]
    assert (second.label, second.label_source) == ("support", "llm:tiny")


def test_labels_are_not_set_before_it_is_scored(tmp_path: Path, chat: ChatServer) -> None:
    code, printed = annotate(tmp_path, MIXED, chat.url)  # 4 rows to score on, 50 wanted
    assert code == 0
    assert printed.count("4 human or curated rows to score on, fewer than --min-scored 50") == 2
    assert labels(tmp_path / "out.jsonl")["r6"] == ("", "", "")
    assert said(tmp_path / "out.jsonl")["r6"] == ["support"]
    asked = len(chat.bodies)
    annotate(tmp_path, MIXED, chat.url, "--unscored")
    assert labels(tmp_path / "out.jsonl")["r6"] == ("support", "norland", "llm:tiny")
    assert len(chat.bodies) == asked  # to think again costs nothing


def test_scores_are_those_of_scikit_learn(tmp_path: Path, chat: ChatServer) -> None:
    _, printed = annotate(tmp_path, MIXED, chat.url)
    true = ["support", "support", "criticize", "neutral"]  # r5 is a rule's, which nobody trusts
    pred = ["support", "neutral", "criticize", "neutral"]
    scores = json.loads((tmp_path / "out.manifest.json").read_text())["scores"]
    assert scores["n"] == 4
    assert scores["accuracy"]["value"] == pytest.approx(accuracy_score(true, pred))
    assert scores["macro_f1"]["value"] == pytest.approx(f1_score(true, pred, average="macro"))
    assert scores["kappa"]["value"] == pytest.approx(cohen_kappa_score(true, pred))
    assert scores["classes"]["support"]["recall"]["value"] == 0.5
    assert scores["holders"] == {"n": 2, "same": 1}  # r1 and r3; r3's holder is Arvenia
    (disagreement,) = scores["disagreements"]
    assert (disagreement["id"], disagreement["label"]) == ("r2", "support")
    assert disagreement["said"] == {"reason": "because", "label": "neutral", "holder": ""}
    assert "agreement on 4 rows" in printed


def test_other_sources_can_be_trusted(tmp_path: Path, chat: ChatServer) -> None:
    code, _ = annotate(tmp_path, MIXED, chat.url, "--score-against", "rule", "--min-scored", "1")
    assert code == 0
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    assert manifest["scores"]["n"] == 1
    assert manifest["scores"]["accuracy"]["value"] == 0
    assert labels(tmp_path / "out.jsonl")["r6"][2] == "llm:tiny"


# What it pays


def test_nothing_is_asked_twice(tmp_path: Path, chat: ChatServer) -> None:
    twice = [*MIXED, *(Example.from_row(r.to_row() | {"id": f"{r.id}-copy"}) for r in MIXED)]
    annotate(tmp_path, twice, chat.url, "--unscored")
    assert len(chat.bodies) == len(MIXED)
    assert labels(tmp_path / "out.jsonl")["r6-copy"] == ("support", "norland", "llm:tiny")
    before = (tmp_path / "out.jsonl").read_bytes()
    code, printed = annotate(tmp_path, twice, chat.url, "--unscored")
    assert code == 0
    assert len(chat.bodies) == len(MIXED)
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert "0 to make" in printed
    assert "7 answers are there already" in printed


def test_a_limit_is_a_budget_of_new_requests(tmp_path: Path, chat: ChatServer) -> None:
    for made, answered in ((3, 3), (6, 6), (7, 7)):
        code, _ = annotate(tmp_path, MIXED, chat.url, "--limit", "3")
        assert code == 0
        assert len(chat.bodies) == made
        assert sum(map(bool, said(tmp_path / "out.jsonl").values())) == answered
    assert list(said(tmp_path / "out.jsonl")) == [r.id for r in MIXED]


def test_requests_tokens_and_cost_come_first(tmp_path: Path, chat: ChatServer) -> None:
    prices = ("--price-in", "1000", "--price-out", "2000", "--max-tokens", "100")
    _, printed = annotate(tmp_path, MIXED, chat.url, *prices, "--limit", "2")
    bodies = [len(json.dumps(body, ensure_ascii=False)) for body in chat.bodies]  # ASCII and a few dashes
    line = next(line for line in printed.splitlines() if line.startswith("  tokens"))
    estimate = int(line.split()[2].replace(",", ""))
    assert estimate == pytest.approx(sum(bodies) / 3.5, rel=0.02)
    assert "120 out, at most 200" in line
    assert "  requests  2 to make" in printed
    assert "  limit     5 more wait" in printed
    expected = estimate * 1000 / 1e6 + 120 * 2000 / 1e6
    assert f"about {expected:.2f}; {expected + 80 * 2000 / 1e6:.2f} if every answer" in printed
    used = "used 2,000 tokens in, 40 out, by the server's count: 2.08"
    assert used in printed
    assert printed.index("cost") < printed.index("used")


def test_so_many_requests_at_a_time_and_no_more(tmp_path: Path) -> None:
    now, most = 0, 0

    def behave(question: str, attempt: int) -> Action:
        nonlocal now, most
        with chat.lock:
            now += 1
            most = max(most, now)
        time.sleep(0.15)
        with chat.lock:
            now -= 1
        return by_word(question, attempt)

    with serve(behave) as chat:
        annotate(tmp_path, [row(number, "support") for number in range(12)], chat.url, "--concurrency", "3")
    assert most == 3


# When things go wrong


def test_a_row_answered_with_junk_stays_unlabelled_and_is_named(tmp_path: Path) -> None:
    def behave(question: str, attempt: int) -> Action:
        return content("Hm.") if "day 6" in question else by_word(question, attempt)

    with serve(behave) as chat:
        code, printed = annotate(tmp_path, MIXED, chat.url, "--unscored")
        assert code == 0
        assert "1 rows got no answer" in printed
        assert "r6: junk 3 times" in printed
        assert labels(tmp_path / "out.jsonl")["r6"] == ("", "", "")
        assert labels(tmp_path / "out.jsonl")["r7"] == ("neutral", "", "llm:tiny")
        manifest = json.loads((tmp_path / "out.manifest.json").read_text())
        assert list(manifest["failures"]) == ["r6"]
        asked = len(chat.bodies)
        chat.behave = by_word  # junk is not kept: another day it may be answered
        code, _ = annotate(tmp_path, MIXED, chat.url, "--unscored")
        assert labels(tmp_path / "out.jsonl")["r6"] == ("support", "norland", "llm:tiny")
        assert len(chat.bodies) == asked + 1


def test_failures_in_a_row_end_it_and_answers_are_kept(tmp_path: Path) -> None:
    rows = [row(number, "support") for number in range(40)]

    def behave(question: str, attempt: int) -> Action:
        early = int(question.split("day ")[1].rstrip(".")) < 5
        return answer("support") if early else respond(400, "response_format is not supported")

    with serve(behave) as chat:
        code, printed = annotate(tmp_path, rows, chat.url, "--concurrency", "2")
        assert code == 1
        (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
        assert f"{STOP_AFTER} failures in a row" in line
        assert "--answer-format json_object" in line
        assert not (tmp_path / "out.jsonl").exists()
        assert len(chat.bodies) <= 5 + STOP_AFTER + 2  # two more were under way
        chat.behave = by_word
        chat.bodies.clear()
        code, _ = annotate(tmp_path, rows, chat.url)
        assert code == 0
        assert len(chat.bodies) == 35


def test_no_answer_at_all_is_an_error(tmp_path: Path) -> None:
    with serve(lambda question, attempt: respond(400, "no")) as chat:
        code, printed = annotate(tmp_path, MIXED[:2], chat.url)
    assert code == 1
    assert "error: no request was answered, the last: HTTP 400 no" in printed
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, stop: signal.Signals) -> None:
    rows = [row(number, "support") for number in range(30)]
    write_rows(tmp_path / "rows.jsonl", (r.to_row() for r in rows))

    def behave(question: str, attempt: int) -> Action:
        time.sleep(0.05)
        return by_word(question, attempt)

    with serve(behave) as chat:
        run = subprocess.Popen(
            [sys.executable, "-m", "partystance", *command(tmp_path, chat.url, "--concurrency", "2")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        while len(chat.bodies) < 6:
            assert run.poll() is None, run.communicate()
            time.sleep(0.01)
        run.send_signal(stop)
        _, printed = run.communicate(timeout=30)
        assert not list(tmp_path.glob("*out*"))
        if stop == signal.SIGINT:
            assert run.returncode == 130
            assert "interrupted: no table was written; the answers so far are kept" in printed
        code, _ = annotate(tmp_path, rows, chat.url, "--unscored")
        assert code == 0
        assert {label for label, *_ in labels(tmp_path / "out.jsonl").values()} == {"support"}
        lost = 0 if stop == signal.SIGINT else 2  # a kill loses what was under way
        assert len(rows) <= len(chat.bodies) <= len(rows) + lost


def test_at_a_terminal_it_asks_before_it_starts(tmp_path: Path, chat: ChatServer) -> None:
    write_rows(tmp_path / "rows.jsonl", (r.to_row() for r in MIXED))
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "partystance", *command(tmp_path, chat.url)],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.write(ours, b"n\n")
    _, printed = run.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert run.returncode == 1
    assert "Start? [y/N]" in printed
    assert "error: nothing was asked" in printed
    assert not chat.bodies


# Secrets and mistakes


def test_the_key_is_sent_and_kept_nowhere(
    tmp_path: Path, chat: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, printed = annotate(tmp_path, MIXED, chat.url)
    assert {headers["authorization"] for headers in chat.headers} == {f"Bearer {KEY}"}
    assert KEY not in printed
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes(), path
    monkeypatch.delenv("OPENAI_API_KEY")
    chat.headers.clear()
    (tmp_path / "cache.sqlite").unlink()
    annotate(tmp_path, MIXED, chat.url)
    assert len(chat.headers) == len(MIXED)
    assert not any("authorization" in headers for headers in chat.headers)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--base-url", "localhost"], "--base-url 'localhost'"),
        (["--price-in", "1"], "--price-in and --price-out"),
        (["--codebook", "none.md"], "none.md"),
        (["--out", "labels.xlsx"], ".xlsx"),
        (["--out", "folder.csv"], "folder"),
        (["--cache", "rows.jsonl"], "rows.jsonl"),
        (["--parties", "none.yaml"], "none.yaml"),
    ],
)
def test_a_mistake_costs_nothing(
    tmp_path: Path, chat: ChatServer, more: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    code, printed = annotate(tmp_path, MIXED, chat.url, *more)
    assert code == 1
    (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not chat.bodies
    assert not (tmp_path / "out.jsonl").exists()


def test_an_empty_file_is_named(tmp_path: Path, chat: ChatServer) -> None:
    code, printed = annotate(tmp_path, [], chat.url)
    assert code == 1
    assert "rows.jsonl: no rows to annotate" in printed


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("partystance.llm.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpx2", None)
    code, printed = annotate(tmp_path, MIXED, "http://127.0.0.1:1/v1")
    assert code == 1
    assert "error: annotate needs the package httpx2: pip install 'partystance[llm]'" in printed


def test_the_other_commands_import_none_of_it() -> None:
    extra = {"httpx2", "tenacity", "platformdirs"}
    check = f"import sys, partystance.cli; print({extra} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
