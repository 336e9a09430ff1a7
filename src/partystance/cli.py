"""The `partystance` command: find parties, predict stances, draw the page."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from partystance import __doc__ as summary
from partystance.articles import ArticleReader, read_articles
from partystance.commands.aggregate import aggregate_labels
from partystance.commands.agreement import agreement
from partystance.commands.annotate import annotate
from partystance.commands.check import check
from partystance.commands.exchange import export, import_labels
from partystance.commands.options import Columns, Device, Inputs, Parties, Strict, columns_of
from partystance.commands.suggest import suggest
from partystance.console import readable_errors
from partystance.corpus import pairs
from partystance.errors import InputError, PartystanceError
from partystance.parties import Registry
from partystance.report.stances import StancePage
from partystance.schema import PREDICTION_FIELDS, Article, Prediction
from partystance.sentences import split_sentences
from partystance.tables import RowWriter, read_rows

app = typer.Typer(help=summary, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def predict(
    inputs: Inputs,
    model: Annotated[
        str | None, typer.Option(help="a run's folder or a hub id [default: the model that ships]")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="a .csv, .jsonl, .parquet or .html file; repeat for more [default: print a table]"),
    ] = None,
    parties: Parties = None,
    column: Columns = None,
    strict: Strict = False,
    device: Device = None,
) -> None:
    """Predict who is supported and who is criticized, for every sentence and party.

    Examples:

        partystance predict article.txt

        partystance predict corpus/ 'more/*.csv' --column text=body --out stances.parquet --out stances.html
    """
    with readable_errors("no output file was changed"):
        registry = Registry.shipped() if parties is None else Registry.load(*parties)
        reader = read_articles(inputs, columns=columns_of(column), strict=strict)
        with ExitStack() as stack:
            page = _page(out or [], registry, stack)
            sinks = [_table_sink(path, stack) for path in out or [] if not _is_page(path)]
            sinks += [page.write] if page else []
            sinks += [] if out else [_printer(stack)]
            from partystance.predictor import StanceClassifier  # only here: the other commands start faster

            classifier = StanceClassifier(model, registry=registry, device=device)
            articles = reader if page is None else _shown(reader, page)
            examples = (example for article in articles for example in pairs(article, registry))
            counts = _Counts()
            stances = classifier.stream(examples)
            for prediction in tqdm(stances, desc="stances", unit=" pairs", disable=None if out else True):
                counts.add(prediction)
                for sink in sinks:
                    sink(prediction)
        _tell(
            reader, f"{counts.pairs} stances, {counts.truncated} of them in sentences cut around the mention"
        )


@app.command()
def mentions(
    inputs: Inputs,
    parties: Parties = None,
    column: Columns = None,
    strict: Strict = False,
) -> None:
    """Print every mention of a party: article, sentence, offsets into the article, party, kind, words.

    Tab-separated, a line a mention; needs neither torch nor a model.

    Examples:

        partystance mentions article.txt

        partystance mentions corpus/ --parties configs/parties/ukraine-war.yaml | cut -f4 | sort | uniq -c
    """
    with readable_errors():
        registry = Registry.shipped() if parties is None else Registry.load(*parties)
        reader = read_articles(inputs, columns=columns_of(column), strict=strict)
        found = 0
        with _printed("doc_id", "sentence", "offsets", "party", "kind", "modifier", "words") as write:
            for article in reader:
                for sentence in split_sentences(article):
                    for mention in registry.find(sentence.text, date=article.date):
                        start, end = sentence.start + mention.start, sentence.start + mention.end
                        words = " ".join(mention.surface.split())
                        place = (article.doc_id, sentence.index, f"{start}-{end}")
                        write(*place, mention.party, mention.kind, "modifier" * mention.modifier, words)
                        found += 1
        _tell(reader, f"{found} mentions")


@app.command()
def report(
    stances: Annotated[Path, typer.Argument(help="a table written by `partystance predict`")],
    articles: Annotated[list[str], typer.Option(help="the articles it was made from; repeat for more")],
    out: Annotated[Path, typer.Option(help="the .html page to write")] = Path("stances.html"),
    parties: Parties = None,
    column: Columns = None,
) -> None:
    """Draw the page of a table of stances: articles with sentences shaded by stance toward a party.

    Example:

        partystance report stances.parquet --articles article.txt --out stances.html
    """
    with readable_errors("no output file was changed"):
        registry = Registry.shipped() if parties is None else Registry.load(*parties)
        reader = read_articles(articles, columns=columns_of(column))
        with StancePage(out, registry) as page:
            for article in reader:
                page.see(article)
            for line, row in enumerate(read_rows(stances), start=1):
                try:
                    page.write(Prediction.from_row(row))
                except ValueError as error:
                    raise InputError(stances, f"not a table of stances: {error}", line) from None
        _tell(reader, f"page in {out}")


app.command("agreement")(agreement)
app.command("aggregate")(aggregate_labels)
app.command("annotate")(annotate)
app.command("check")(check)
app.command("suggest")(suggest)
app.command("export")(export)
app.command("import")(import_labels)


class _Counts:
    """What is said at the end of a prediction run."""

    def __init__(self) -> None:
        self.pairs = self.truncated = 0

    def add(self, prediction: Prediction) -> None:
        self.pairs += 1
        self.truncated += prediction.truncated


def _is_page(path: Path) -> bool:
    return path.suffix.lower() in (".html", ".htm")


def _page(out: list[Path], registry: Registry, stack: ExitStack) -> StancePage | None:
    paths = [path for path in out if _is_page(path)]
    if len(paths) > 1:
        raise PartystanceError(f"one page is enough: --out {paths[0]} or --out {paths[1]}")
    return stack.enter_context(StancePage(paths[0], registry)) if paths else None


def _table_sink(path: Path, stack: ExitStack) -> Callable[[Prediction], None]:
    writer = stack.enter_context(RowWriter(path, PREDICTION_FIELDS))
    return lambda prediction: writer.write(prediction.to_row())


@contextmanager
def _printed(*columns: str) -> Iterator[Callable[..., None]]:
    """Print a tab-separated table. The header waits for the first row, so that an error comes alone."""
    header = [columns]

    def write(*cells: object) -> None:
        if header:
            print(*header.pop(), sep="\t")
        print(*cells, sep="\t")

    yield write
    if header:
        print(*columns, sep="\t")


def _printer(stack: ExitStack) -> Callable[[Prediction], None]:
    """What prints predictions, a line each."""
    columns = ("doc_id", "sentence", "party", "stance", "p", "holder", "text")
    write = stack.enter_context(_printed(*columns))

    def row(stance: Prediction) -> None:
        likely = f"{max(stance.probabilities):.2f}"
        place = (stance.doc_id, stance.sentence_index, stance.party)
        write(*place, stance.label, likely, stance.holder, " ".join(stance.text.split()))

    return row


def _shown(articles: Iterable[Article], page: StancePage) -> Iterator[Article]:
    for article in articles:
        page.see(article)
        yield article


def _tell(reader: ArticleReader, done: str) -> None:
    print(f"{reader.summary()}; {done}", file=sys.stderr)


def main() -> None:
    """Run the command."""
    app()
