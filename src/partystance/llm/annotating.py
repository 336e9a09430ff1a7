"""Rows in, a model's labels out: what will be asked, the asking, and the rows with its annotations."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from partystance.errors import PartystanceError
from partystance.labels.handmade import party_id
from partystance.llm.cache import AnswerCache
from partystance.llm.questions import ANSWER_TOKENS, Answer, Question, read_answer
from partystance.llm.server import ChatServer, Unanswered
from partystance.parties import Registry
from partystance.schema import Annotation, Example

Labelled = tuple[Example, Answer | None]
"""A row, and what the model answered if it did."""

STOP_AFTER = 8
"""The run ends after so many failures in a row: then it is not the rows, and junk is paid for, too."""

GRACE = 5.0
"""Seconds that questions under way get after Ctrl-C, so that what is paid for is kept."""


@dataclass(slots=True)
class Plan:
    """What a run has to do. `keys` has one key a row; rows that ask the same share it.

    `answers` holds what the cache knew and grows in the run; `open` maps the keys to be asked to a row each;
    `left` counts the questions beyond the limit; `failures` says why a key has no answer.
    """

    question: Question
    rows: Sequence[Example]
    keys: list[str]
    answers: dict[str, Answer]
    open: dict[str, Example]
    left: int
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def annotator(self) -> str:
        """The name that the labels go by."""
        return f"llm:{self.question.model}"

    def estimate(self) -> tuple[int, int]:
        """Estimate prompt and completion tokens of all that is to be asked."""
        prompts = sum(self.question.prompt_tokens(row) for row in self.open.values())
        return prompts, ANSWER_TOKENS * len(self.open)

    def outcome(self, registry: Registry) -> list[Labelled]:
        """Return every row with its answer, in order; holders named as in the registry become its ids."""
        by_id = {
            key: answer.model_copy(update={"holder": party_id(answer.holder, registry)})
            for key, answer in self.answers.items()
        }
        return [(row, by_id.get(key)) for row, key in zip(self.rows, self.keys, strict=True)]

    def failed(self) -> list[tuple[Example, str]]:
        """Return the rows that were asked in vain, and why."""
        pairs = zip(self.rows, self.keys, strict=True)
        return [(row, self.failures[key]) for row, key in pairs if key in self.failures]


def plan(rows: Sequence[Example], question: Question, cache: AnswerCache, limit: int | None = None) -> Plan:
    """Look up what is answered, and say what is to be asked: each question once, at most `limit` of them."""
    keys = [question.key(row) for row in rows]
    first: dict[str, Example] = {}
    for key, row in zip(keys, rows, strict=True):
        first.setdefault(key, row)
    answers = {key: answer for key in first if (answer := _known(cache, key))}
    wanted = {key: row for key, row in first.items() if key not in answers}
    asked = dict(islice(wanted.items(), limit))
    return Plan(question, rows, keys, answers, asked, left=len(wanted) - len(asked))


def _known(cache: AnswerCache, key: str) -> Answer | None:
    reply = cache.get(key)
    return read_answer(reply.content) if reply else None


async def carry_out(
    plan: Plan, server: ChatServer, cache: AnswerCache, concurrency: int, tick: Callable[[], object]
) -> None:
    """Ask all that is open, so many questions at a time; every answer is in the cache before it counts.

    Args:
        tick: called after each question.

    Raises:
        PartystanceError: `STOP_AFTER` failures in a row, or one that every question would meet.
    """
    waiting = deque(plan.open.items())
    in_a_row = 0

    async def work() -> None:
        nonlocal in_a_row
        while waiting:
            key, row = waiting.popleft()
            try:
                reply = await server.ask(plan.question.body(row))
            except Unanswered as error:
                plan.failures[key] = str(error)
                in_a_row += 1
                if in_a_row == STOP_AFTER:
                    raise PartystanceError(f"{STOP_AFTER} failures in a row, the last: {error}") from None
            else:
                cache.put(key, plan.question.model, reply)
                plan.answers[key] = read_answer(reply.content)
                in_a_row = 0
            tick()

    workers = [asyncio.create_task(work()) for _ in range(concurrency)]
    try:
        done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        for worker in done:
            worker.result()
    finally:
        waiting.clear()
        await _wind_up(workers)


async def _wind_up(workers: Sequence[asyncio.Task[None]]) -> None:
    """Let what is under way end, for `GRACE` seconds."""
    await asyncio.wait(workers, timeout=GRACE)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


def label_rows(outcome: Iterable[Labelled], annotator: str, may_label: bool) -> Iterator[Example]:
    """Yield every row with the annotator's annotation where there is an answer.

    Args:
        may_label: whether rows without a label (or with an older one of this annotator) take the answer's.
    """
    for row, answer in outcome:
        yield row if answer is None else _labelled(row, answer, annotator, may_label)


def _labelled(row: Example, answer: Answer, annotator: str, may_label: bool) -> Example:
    others = tuple(a for a in row.annotations if a.annotator != annotator)
    said = Annotation(annotator, answer.label.value, answer.holder)
    row = replace(row, annotations=(*others, said))
    if not may_label or not is_open(row, annotator):
        return row
    return replace(row, label=said.label, holder=said.holder, label_source=annotator)


def is_open(row: Example, annotator: str) -> bool:
    """Whether a row waits for this annotator's label: it has none, or has one of theirs."""
    return not row.label or row.label_source == annotator
