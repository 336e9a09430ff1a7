"""What a user is told before and after a run, and what its manifest keeps."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partystance.files import git_commit, package_versions, sha256_file
from partystance.llm.annotating import Labelled, Plan, is_open
from partystance.llm.questions import BYTES_PER_TOKEN
from partystance.llm.scoring import Scores, score_table
from partystance.llm.settings import Settings

_NAMED = 10  # failed rows on the screen; the manifest has them all


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    `prompt_tokens` and `completion_tokens` are the server's own count of this run, junk included; `scores` is
    None where no row could be scored; `may_label` says whether rows without a label took the model's.
    """

    job: Plan
    settings: Settings
    prompt_tokens: int
    completion_tokens: int
    outcome: Sequence[Labelled]
    scores: Scores | None
    may_label: bool


def announcement(job: Plan, settings: Settings, cache: Path) -> list[str]:
    """Say what will be asked and what it may cost."""
    lines = [
        f"{job.annotator} at {job.question.base_url}",
        f"  rows      {len(job.rows):,}, of them {_count_open(job):,} without a label",
        f"  requests  {len(job.open):,} to make, one a row (rows that are the same share one)",
        f"  cache     {len(job.answers):,} answers are there already: {cache}",
    ]
    if job.left:
        lines.insert(3, f"  limit     {job.left:,} more wait for another run")
    if job.open:
        lines += _price(job, settings)
    return lines + _warning(job, settings)


def _price(job: Plan, settings: Settings) -> list[str]:
    prompts, completions = job.estimate()
    longest = settings.max_tokens * len(job.open) or completions
    bound = f", at most {longest:,}" if settings.max_tokens else ""
    lines = [f"  tokens    about {prompts:,} in ({BYTES_PER_TOKEN} bytes each), {completions:,} out{bound}"]
    cost, most = settings.cost(prompts, completions), settings.cost(prompts, longest)
    if cost is not None:
        lines.append(f"  cost      about {cost:.2f}; {most:.2f} if every answer is as long as it may be")
    return lines


def report(result: Result) -> list[str]:
    """Say what came of a run."""
    job, settings = result.job, result.settings
    lines = [score_table(result.scores)] if result.scores else []
    cost = settings.cost(result.prompt_tokens, result.completion_tokens)
    used = f"used {result.prompt_tokens:,} tokens in, {result.completion_tokens:,} out, by the server's count"
    lines.append(used if cost is None else f"{used}: {cost:.2f}")
    failed = job.failed()
    if failed:
        lines.append(f"{len(failed)} rows got no answer; the same command asks again:")
        lines += [f"  {row.id}: {reason}" for row, reason in failed[:_NAMED]]
    if len(failed) > _NAMED:
        lines.append(f"  ... and {len(failed) - _NAMED} more, all of them in {settings.manifest.name}")
    if _count_open(job) and not result.may_label:
        lines.append(f"labels not set: {_too_few(result.scores.n if result.scores else 0, settings)}")
    return [*lines, f"written: {settings.out} and {settings.manifest.name}"]


def manifest(result: Result) -> dict[str, Any]:
    """Return inputs, settings, counts, scores and failures of a run; never a key, never a sentence."""
    job, question = result.job, result.job.question
    answers = Counter(answer.label.value for _, answer in result.outcome if answer)
    return {
        "inputs": {str(result.settings.file): sha256_file(result.settings.file)},
        "annotator": job.annotator,
        "config": {
            "base_url": question.base_url,
            "codebook_sha256": hashlib.sha256(question.codebook.encode()).hexdigest(),
            "answer_format": question.answer_format,
            "temperature": question.temperature,
            "max_tokens": question.max_tokens,
            "score_against": result.settings.trusted,
            "min_scored": result.settings.min_scored,
        },
        "versions": package_versions("partystance", "httpx2", "tenacity"),
        "commit": git_commit(),
        "rows": len(job.rows),
        "answers": dict(sorted(answers.items())),
        "labels_set": result.may_label,
        "requests": {"asked": len(job.open), "failed": len(job.failures), "beyond_limit": job.left},
        "tokens": {"prompt": result.prompt_tokens, "completion": result.completion_tokens},
        "cost": result.settings.cost(result.prompt_tokens, result.completion_tokens),
        "scores": result.scores.to_json() if result.scores else None,
        "failures": {row.id: reason for row, reason in job.failed()},
    }


def _warning(job: Plan, settings: Settings) -> list[str]:
    scored = sum(row.label_source in settings.trusted for row in job.rows if row.label)
    if scored >= settings.min_scored or not _count_open(job):
        return []
    return [f"  labels    will not be set: {_too_few(scored, settings)}"]


def _too_few(scored: int, settings: Settings) -> str:
    trusted = " or ".join(settings.trusted)
    return (
        f"{scored} {trusted} rows to score on, fewer than --min-scored {settings.min_scored} (see --unscored)"
    )


def _count_open(job: Plan) -> int:
    return sum(is_open(row, job.annotator) for row in job.rows)
