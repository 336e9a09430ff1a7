"""The parts of the LLM annotator: the question, the answer, the cache, and a server that misbehaves."""

import asyncio
import json
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
from chat_server import Action, answer, completion, content, cut_off, drop, respond, serve
from hypothesis import given
from hypothesis import strategies as st

from partystance.errors import PartystanceError
from partystance.llm.cache import Reply, open_cache
from partystance.llm.questions import AnswerFormat, Question, marked, read_answer, read_codebook
from partystance.llm.server import (
    JUNK_ATTEMPTS,
    Patience,
    Unanswered,
    checked_key,
    checked_url,
    connect,
)
from partystance.schema import LABELS, Example, Mention

ROOT = Path(__file__).parents[1]
HASTY = Patience(attempts=4, first_wait=0.01, longest_wait=0.05, timeout=5)
QUESTION = Question("http://127.0.0.1:1/v1", "tiny", "The codebook.")
TEXT = "Norland accused Arvenia; Arvenia denied it."
ROW = Example("r1", TEXT, "arvenia", (Mention(16, 23, "Arvenia"), Mention(25, 32, "Arvenia")))


def ask(url: str, patience: Patience = HASTY, key: str = "") -> Reply:
    async def once() -> Reply:
        async with connect(url, key, patience) as server:
            return await server.ask(QUESTION.body(ROW))

    return asyncio.run(once())


# The question


def test_the_party_is_marked_where_it_is_mentioned() -> None:
    expected = "Norland accused <party>Arvenia</party>; <party>Arvenia</party> denied it."
    assert marked(TEXT, ROW.mentions) == expected
    assert marked(TEXT, ROW.mentions[::-1]) == expected


def test_overlapping_mentions_share_their_marks() -> None:
    text = "the Arvenian army left"
    overlapping = (Mention(4, 12, "Arvenian"), Mention(4, 17, "Arvenian army"), Mention(13, 17, "army"))
    assert marked(text, overlapping) == "the <party>Arvenian army</party> left"


@given(st.text(st.characters(exclude_characters="<>"), min_size=1), st.data())
def test_without_the_marks_the_text_is_the_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    shown = marked(text, (Mention(start, end, text[start:end]),))
    assert shown.replace("<party>", "").replace("</party>", "") == text
    assert shown.split("<party>")[1].split("</party>")[0] == text[start:end]


def test_the_body_is_what_openai_asks_for() -> None:
    body = QUESTION.body(ROW)
    assert body["temperature"] == 0
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "The codebook." in body["messages"][0]["content"]
    assert "Party: arvenia" in body["messages"][1]["content"]
    wanted = body["response_format"]["json_schema"]
    assert wanted["strict"] is True
    schema = wanted["schema"]  # strict mode: every property required, no others, no references needed
    assert schema["additionalProperties"] is False
    assert sorted(schema["required"]) == sorted(schema["properties"]) == ["holder", "label", "reason"]
    assert schema["properties"]["label"]["enum"] == list(LABELS)
    assert next(iter(schema["properties"])) == "reason"
    assert not {"$ref", "maxLength", "default"} & set(json.dumps(schema).replace('"', " ").split())


def test_the_body_follows_the_settings() -> None:
    other = replace(QUESTION, answer_format=AnswerFormat.OBJECT, max_tokens=0, temperature=1.0)
    body = other.body(ROW)
    assert body["response_format"] == {"type": "json_object"}
    assert body["temperature"] == 1
    assert "max_completion_tokens" not in body
    assert QUESTION.body(ROW)["max_completion_tokens"] == 300


def test_the_key_changes_with_all_that_may_change_the_answer() -> None:
    others = [
        replace(QUESTION, model="large").key(ROW),
        replace(QUESTION, base_url="http://127.0.0.1:2/v1").key(ROW),
        replace(QUESTION, codebook="Another.").key(ROW),
        replace(QUESTION, temperature=1.0).key(ROW),
        replace(QUESTION, answer_format=AnswerFormat.OBJECT).key(ROW),
        QUESTION.key(replace(ROW, party="norland")),
        QUESTION.key(replace(ROW, mentions=ROW.mentions[:1])),
        QUESTION.key(ROW),
    ]
    assert len(set(others)) == len(others)


def test_the_key_does_not_change_with_anything_else() -> None:
    labelled = replace(ROW, id="other", label="neutral", label_source="human", outlet="Post")
    assert QUESTION.key(labelled) == QUESTION.key(ROW)
    assert replace(QUESTION, max_tokens=9).key(ROW) == QUESTION.key(ROW)


def test_the_shipped_codebook_is_the_one_in_data() -> None:
    shipped = read_codebook()
    assert shipped == (ROOT / "data" / "CODEBOOK.md").read_text(encoding="utf-8")
    assert all(f"| `{label}` |" in shipped for label in LABELS)


# The answer


@pytest.mark.parametrize(
    "written",
    [
        '{"reason": "a", "label": "criticize", "holder": "Norland"}',
        '```json\n{"reason": "a", "label": "criticize", "holder": "Norland"}\n```',
        'Sure! {"label": "criticize", "holder": " Nor\\u0000land\\n", "reason": "a", "certainty": 0.9}',
    ],
)
def test_an_answer_is_found_in_what_was_written(written: str) -> None:
    found = read_answer(written)
    assert (found.label.value, found.holder, found.reason) == ("criticize", "Norland", "a")


@pytest.mark.parametrize("holder", ['"Norland"', '""', "null"])
def test_neutral_has_no_holder(holder: str) -> None:
    assert read_answer(f'{{"reason": "", "label": "neutral", "holder": {holder}}}').holder == ""


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "support",
        "[]",
        '{"label": "support"}',
        '{"reason": "", "label": "Support", "holder": ""}',
        '{"reason": "", "label": "oppose", "holder": ""}',
        '{"reason": "", "label": ["support"], "holder": ""}',
        '{"reason": "", "label": "support", "holder": "x"',
        '{"reason": "\\ud800", "label": "support", "holder": ""}',
    ],
)
def test_junk_is_no_answer(junk: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_answer(junk)


@given(st.text() | st.text().map(lambda text: json.dumps({"reason": text, "label": text, "holder": text})))
def test_free_text_is_junk_or_has_a_label(text: str) -> None:
    try:
        found = read_answer(text)
    except ValueError:
        return
    assert found.label in LABELS


# The cache


def test_the_cache_knows_what_it_was_told_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.sqlite"
    with open_cache(path) as cache:
        assert cache.get("k") is None
        cache.put("k", "tiny", Reply("{}", 7, 3))
        with open_cache(path) as other:  # what is put is there for everybody at once
            assert other.get("k") == Reply("{}", 7, 3)
    with open_cache(path) as cache:
        assert cache.get("k") == Reply("{}", 7, 3)
        assert cache.get("K") is None


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    path.write_text("not a database, but long enough to look like one" * 20)
    with pytest.raises(PartystanceError, match=r"answers\.sqlite.*--cache"), open_cache(path):
        pass


# The server


@pytest.mark.parametrize(
    "misbehaviour",
    [
        pytest.param(drop, id="drops the connection"),
        pytest.param(cut_off, id="cuts the body off"),
        pytest.param(respond(500, "oops"), id="fails"),
        pytest.param(respond(503, "busy", Retry_After="later"), id="is busy, with a header nobody can read"),
        pytest.param(respond(429, "slow down"), id="limits the rate"),
        pytest.param(respond(200, "<html>"), id="answers with a page"),
        pytest.param(respond(200, '{"choices": []}'), id="answers with no choice"),
        pytest.param(content("I would say support."), id="answers in prose"),
        pytest.param(answer("oppose"), id="invents a label"),
        pytest.param(content('{"reason": "a", "label": "sup'), id="stops in the middle"),
    ],
)
def test_after_two_misfortunes_it_gets_its_answer(misbehaviour: Action) -> None:
    with serve(lambda question, attempt: misbehaviour if attempt < 3 else answer("support")) as chat:
        reply = ask(chat.url)
    assert read_answer(reply.content).label == "support"
    assert len(chat.bodies) == 3


@pytest.mark.parametrize(
    ("misbehaviour", "requests", "reason"),
    [
        (drop, HASTY.attempts, "4 times"),
        (respond(500, "oops"), HASTY.attempts, "HTTP 500 oops"),
        (respond(200, "<html>"), HASTY.attempts, "not a chat completion"),
        (answer("oppose"), JUNK_ATTEMPTS, "label: .*oppose"),
        (content("Support."), JUNK_ATTEMPTS, "junk 3 times"),
        (respond(200, completion(None, refusal="I cannot")), 1, "refused: I cannot"),
        (respond(200, completion('{"reason": "', "length")), 1, "raise --max-tokens"),
        (respond(400, '{"error": "unknown field response_format"}'), 1, "--answer-format json_object"),
        (respond(400, "Unsupported value: 'temperature'"), 1, "--temperature 1"),
        (respond(422, "max_completion_tokens: extra fields not permitted"), 1, "--max-tokens 0"),
    ],
)
def test_it_gives_up_after_a_bounded_number_of_requests(
    misbehaviour: Action, requests: int, reason: str
) -> None:
    with (
        serve(lambda question, attempt: misbehaviour) as chat,
        pytest.raises(Unanswered, match=f"(?s){reason}"),
    ):
        ask(chat.url)
    assert len(chat.bodies) == requests


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_no_request_can_pass_ends_it_all_and_the_key_is_not_shown(status: int) -> None:
    refusal = respond(status, "no entry with Bearer sk-secret")
    with serve(lambda question, attempt: refusal) as chat, pytest.raises(PartystanceError) as caught:
        ask(chat.url, key="sk-secret")
    assert str(status) in str(caught.value)
    assert "no entry with Bearer [key]" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(chat.bodies) == 1


def test_waits_double() -> None:
    patience = Patience(attempts=4, first_wait=0.05, longest_wait=0.1)
    with serve(lambda question, attempt: respond(500, "oops")) as chat, pytest.raises(Unanswered):
        ask(chat.url, patience)
    waits = [after - before for before, after in zip(chat.times, chat.times[1:], strict=False)]
    for wait, least in zip(waits, [0.05, 0.1, 0.1], strict=True):
        assert wait >= least


@pytest.mark.parametrize("header", ["1", "date"])
def test_a_rate_limit_holds_for_every_request(header: str) -> None:
    def behave(question: str, attempt: int) -> Action:
        wait = "1" if header == "1" else formatdate(time.time() + 2, usegmt=True)  # whole seconds: 1 at least
        return respond(429, "slow", Retry_After=wait) if len(chat.bodies) == 1 else answer("support")

    async def one_then_others(url: str) -> None:
        async with connect(url, "", HASTY) as server:
            first = asyncio.create_task(server.ask(QUESTION.body(ROW)))
            while not chat.bodies:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.4)
            await asyncio.gather(first, *(server.ask(QUESTION.body(replace(ROW, party=p))) for p in "ab"))

    with serve(behave) as chat:
        asyncio.run(one_then_others(chat.url))
    first, *others = chat.times
    assert len(others) == 3
    assert min(others) - first >= 0.99


def test_a_rate_limit_of_hours_ends_it_all() -> None:
    limit = respond(429, "daily quota", Retry_After="86400")
    with serve(lambda question, attempt: limit) as chat, pytest.raises(PartystanceError, match="86400 s"):
        ask(chat.url)
    assert len(chat.bodies) == 1


def test_nobody_at_the_address_is_said() -> None:
    with pytest.raises(Unanswered, match="ConnectError"):
        ask("http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000/v1", "write it like"),
        ("ftp://localhost/v1", "write it like"),
        ("http://", "write it like"),
        ("https://me:hush@localhost/v1", "OPENAI_API_KEY"),
        ("https://localhost/v1?key=hush", "OPENAI_API_KEY"),
    ],
)
def test_a_wrong_address_is_told_before_anything_is_sent(url: str, message: str) -> None:
    with pytest.raises(PartystanceError, match=message) as caught:
        checked_url(url)
    assert "hush" not in str(caught.value)


def test_an_address_may_end_with_a_slash() -> None:
    assert checked_url("http://localhost:8000/v1/") == checked_url("http://localhost:8000/v1")


def test_a_key_that_no_header_can_hold_is_not_shown() -> None:
    assert checked_key(" sk-1\n") == "sk-1"
    for key in ("sk-“1”", "sk-1\nsk-2"):
        with pytest.raises(PartystanceError, match="OPENAI_API_KEY") as caught:
            checked_key(key)
        assert "sk-" not in str(caught.value)
