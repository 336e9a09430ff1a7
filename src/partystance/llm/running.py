"""The run of `partystance annotate`: say what it will cost, ask, score, write."""

import asyncio
import os
import sys
from collections.abc import Iterable

import platformdirs
import typer
from tqdm import tqdm

from partystance.errors import InputError, PartystanceError
from partystance.files import write_json
from partystance.llm.annotating import Plan, carry_out, label_rows, plan
from partystance.llm.cache import AnswerCache, open_cache
from partystance.llm.scoring import score
from partystance.llm.server import checked_key, connect
from partystance.llm.settings import Settings
from partystance.llm.telling import Result, announcement, manifest, report
from partystance.parties import Registry
from partystance.tables import read_examples, write_rows

KEY_VARIABLE = "OPENAI_API_KEY"


def run(settings: Settings) -> Result:
    """Annotate a file as the settings say; the table and its manifest appear when all is done.

    Raises:
        PartystanceError: something the user can mend; answers that came before it are in the cache.
    """
    settings.check()
    registry = Registry.load(*settings.parties) if settings.parties else Registry.shipped()
    rows = list(read_examples(settings.file))
    if not rows:
        raise InputError(settings.file, "no rows to annotate")
    path = settings.cache or platformdirs.user_cache_path("partystance") / "llm-answers.sqlite"
    with open_cache(path) as cache:
        job = plan(rows, settings.question(), cache, settings.limit)
        _print(announcement(job, settings, path), to_stderr=True)
        prompts, completions = _ask(job, settings, cache) if job.open else (0, 0)
    outcome = job.outcome(registry)
    scores = score(outcome, settings.trusted)
    may_label = (scores.n if scores else 0) >= settings.min_scored
    result = Result(job, settings, prompts, completions, outcome, scores, may_label)
    _write(result)
    _print(report(result))
    return result


def _ask(job: Plan, settings: Settings, cache: AnswerCache) -> tuple[int, int]:
    """Ask what is open; return the tokens of prompts and of answers by the server's count."""
    if settings.ask_first and sys.stdin.isatty() and not typer.confirm("Start?", err=True):
        raise PartystanceError("nothing was asked")
    api_key = checked_key(os.environ.get(KEY_VARIABLE, ""))

    async def ask() -> tuple[int, int]:
        async with connect(job.question.base_url, api_key, settings.patience) as server:
            with tqdm(total=len(job.open), desc=job.annotator, unit=" requests") as bar:
                await carry_out(job, server, cache, settings.concurrency, bar.update)
            return server.prompt_tokens, server.completion_tokens

    used = asyncio.run(ask())
    if not job.answers:
        raise PartystanceError(f"no request was answered, the last: {list(job.failures.values())[-1]}")
    return used


def _write(result: Result) -> None:
    labelled = label_rows(result.outcome, result.job.annotator, result.may_label)
    write_rows(result.settings.out, (row.to_row() for row in labelled))
    write_json(result.settings.manifest, manifest(result))


def _print(lines: Iterable[str], to_stderr: bool = False) -> None:
    print("\n".join(lines), file=sys.stderr if to_stderr else sys.stdout)
