"""`partystance annotate`: a language model as one annotator of a labelled file."""

from pathlib import Path
from typing import Annotated

import typer

from partystance.console import readable_errors
from partystance.errors import needs_extra
from partystance.labels.handmade import CURATED, HUMAN
from partystance.llm.questions import AnswerFormat


def annotate(
    file: Annotated[Path, typer.Argument(help="rows, labelled or not: .jsonl, .csv or .parquet")],
    model: Annotated[str, typer.Option(help="the model's name at the server")],
    out: Annotated[Path, typer.Option(help="the table to write: .jsonl, .csv or .parquet")],
    base_url: Annotated[str, typer.Option(help="the server")] = "https://api.openai.com/v1",
    codebook: Annotated[Path | None, typer.Option(help="the prompt [default: the shipped codebook]")] = None,
    parties: Annotated[
        list[Path] | None, typer.Option(help="a registry: names of holders become its ids; repeat for more")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="at most so many new requests")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="requests at a time")] = 4,
    answer_format: Annotated[
        AnswerFormat, typer.Option(help="json_object: for a server without schemas")
    ] = AnswerFormat.SCHEMA,
    temperature: Annotated[float, typer.Option(min=0, help="some models take nothing but 1")] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=0, help="longest answer; 0: leave it to the server")] = 300,
    price_in: Annotated[float | None, typer.Option(min=0, help="of a million prompt tokens")] = None,
    price_out: Annotated[float | None, typer.Option(min=0, help="of a million tokens of answers")] = None,
    score_against: Annotated[
        list[str] | None, typer.Option(help="a label source to trust; repeat [default: human, curated]")
    ] = None,
    min_scored: Annotated[int, typer.Option(min=1, help="rows to be scored on before labels are set")] = 50,
    unscored: Annotated[bool, typer.Option("--unscored", help="set labels without that")] = False,
    cache: Annotated[Path | None, typer.Option(help="answers so far [default: in your cache folder]")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before it starts")] = False,
) -> None:
    """Let a language model label rows, under the codebook, through any OpenAI-compatible server.

    What it says becomes the annotation `llm:<model>` of each row. Rows without a label take it as their label
    once it is scored against enough rows that people or curators labelled. Requests, tokens and cost are told
    before it starts. Answers are kept as they come: after an interruption the same command goes on, and
    nothing is paid for twice. The key comes from OPENAI_API_KEY; a local server needs none.

    Examples:

        partystance annotate rows.jsonl --model gpt-4.1-mini --out out.jsonl --price-in 0.4 --price-out 1.6

        partystance annotate rows.csv --model qwen3 --base-url http://localhost:11434/v1 --out out.csv
    """
    with readable_errors("no table was written; the answers so far are kept, the same command goes on"):
        with needs_extra("llm", "annotate"):
            from partystance.llm.running import Settings, run
        run(
            Settings(
                file=file,
                model=model,
                out=out,
                base_url=base_url,
                codebook=codebook,
                parties=tuple(parties or ()),
                limit=limit,
                concurrency=concurrency,
                answer_format=answer_format,
                temperature=temperature,
                max_tokens=max_tokens,
                price_in=price_in,
                price_out=price_out,
                trusted=tuple(score_against or (HUMAN, CURATED)),
                min_scored=0 if unscored else min_scored,
                cache=cache,
                ask_first=not yes,
            )
        )
