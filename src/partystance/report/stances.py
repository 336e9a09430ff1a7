"""The page of a prediction run: articles, their sentences shaded by stance toward a chosen party.

One self-contained HTML file. It is useful without JavaScript (the party with the most sentences is shaded
when the file is written), loads nothing, and its content security policy names its one script and style by
hash.
"""

import base64
import hashlib
import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from jinja2 import Template

from partystance.files import write_text
from partystance.parties import Registry
from partystance.report.pages import page_environment
from partystance.schema import AUTHOR, LABELS, Article, Prediction
from partystance.sentences import sentence_spans

MAX_ARTICLES = 50
"""Articles on a page: about as much as a browser on a phone scrolls without effort."""

LISTED_PARTIES = 8
"""Parties whose totals are seen at once; the others are folded away."""

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n\s*")
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")  # HTML allows no NUL, UTF-8 no half of a surrogate pair


class StancePage:
    """Collects articles and predictions; the page is written, whole, when the block ends well.

    Articles beyond `max_articles` are only counted, so memory does not grow with the corpus.

    Args:
        path: the `.html` file to write.
        registry: gives the parties' names; a party it does not know goes by its id.
        max_articles: how many articles are shown.
    """

    def __init__(self, path: Path | str, registry: Registry, max_articles: int = MAX_ARTICLES) -> None:
        self.path, self._registry, self._max_articles = Path(path), registry, max_articles
        self._shown: dict[str, _ShownArticle] = {}
        self._articles = self._truncated = self._unplaced = 0
        self._models: Counter[str] = Counter()
        self._totals: dict[str, Counter[str]] = {}

    def __enter__(self) -> Self:
        return self

    def see(self, article: Article) -> None:
        """Take the next article, before any of its predictions."""
        self._articles += 1
        if len(self._shown) < self._max_articles:
            self._shown.setdefault(article.doc_id, _ShownArticle(article))

    def write(self, prediction: Prediction) -> None:
        """Take the next prediction; it counts in the totals even if its article is not shown."""
        self._models[prediction.model_id] += 1
        self._truncated += prediction.truncated
        self._totals.setdefault(prediction.party, Counter())[prediction.label] += 1
        article = self._shown.get(prediction.doc_id)
        if article and not article.place(prediction):
            self._unplaced += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            write_text(self.path, _UNWRITABLE.sub("\ufffd", self._render()))

    def _render(self) -> str:
        parties = _ranked(self._totals, self._registry)
        numbers = {party.id: number for number, party in enumerate(parties)}
        shown = list(self._shown.values())
        named = {party for article in shown for party in article.parties()}
        chosen = next((number for party, number in numbers.items() if party in named), 0)
        opened = next((i for i, a in enumerate(shown) if chosen in map(numbers.get, a.parties())), 0)
        views = [article.view(numbers) for article in shown]
        return _template().render(
            articles=views,
            seen=self._articles,
            parties=parties,
            listed=LISTED_PARTIES,
            labels=LABELS,
            models=sorted(filter(None, self._models)),
            stances=self._models.total(),
            truncated=self._truncated,
            unplaced=self._unplaced,
            chosen=chosen,
            opened=opened,
            data={
                "parties": [party.name for party in parties],
                "labels": LABELS,
                "articles": [[sentence.stances for sentence in view.sentences] for view in views],
                "chosen": chosen,
                "opened": opened,
            },
        )


@dataclass(frozen=True, slots=True)
class PartyTotals:
    """How often each stance is taken toward a party, and its bar in per cent of the longest one's length."""

    id: str
    name: str
    counts: dict[str, int]
    total: int
    bar: list[tuple[str, float, float]]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one sentence or none, with the numbers of the parties it is a mention of.

    `opens` and `closes` say whether a sentence element begins before it and ends after it; `first` whether
    that element is the sentence's first, which only differs where a paragraph ends inside a sentence.
    """

    text: str
    sentence: int | None = None
    parties: tuple[int, ...] = ()
    opens: bool = False
    closes: bool = False
    first: bool = False


StanceRow = tuple[int, int, int, int, int, int, int | str]


@dataclass(frozen=True, slots=True)
class SentenceView:
    """A sentence that names a party.

    `stances`: for each party its number, the index of the label, the three probabilities in thousandths, 1
    where the sentence was cut, and the holder: the number of a party, else words; short, because all of them
    travel in the page.
    """

    start: int
    end: int
    stances: list[StanceRow]
    mentions: list[tuple[int, int, int]]
    """Start and end in the article, and the number of the party."""


@dataclass(frozen=True, slots=True)
class ArticleView:
    """What the template needs of an article; `heading` is its first paragraph where that is the title."""

    article: Article
    link: str
    heading: list[Run]
    paragraphs: list[list[Run]]
    sentences: list[SentenceView]
    all_sentences: int
    unnamed: int

    def counts(self, party: int) -> dict[str, int]:
        """How many sentences take each stance toward a party."""
        found = Counter(
            LABELS[row[1]] for sentence in self.sentences for row in sentence.stances if row[0] == party
        )
        return {label: found[label] for label in LABELS}


class _ShownArticle:
    """An article on the page and the predictions that were found in its text."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self._sentences: dict[tuple[int, int], dict[str, Prediction]] = {}
        self._spans: list[tuple[int, int]] = []  # the keys, sorted

    def place(self, prediction: Prediction) -> bool:
        """Keep a prediction; return False when its offsets do not give its sentence, or cross another's."""
        span = prediction.sentence_start, prediction.sentence_end
        if not 0 <= span[0] < span[1] or self.article.text[slice(*span)] != prediction.text:
            return False
        if span not in self._sentences:
            if _touches(span, self._spans):
                return False
            insort(self._spans, span)
            self._sentences[span] = {}
        self._sentences[span][prediction.party] = prediction
        return True

    def parties(self) -> set[str]:
        return {party for stances in self._sentences.values() for party in stances}

    def view(self, numbers: dict[str, int]) -> ArticleView:
        """Lay the article out, parties by their numbers."""
        sentences = [_sentence_view(span, self._sentences[span], numbers) for span in self._spans]
        text, spans = self.article.text, sentence_spans(self.article.text)
        paragraphs = _paragraphs(text)
        has_heading = bool(paragraphs) and text[slice(*paragraphs[0])].strip() == self.article.title.strip()
        runs = [list(_runs(text, start, end, sentences)) for start, end in paragraphs]
        return ArticleView(
            article=self.article,
            link=_link(self.article.url),
            heading=runs[0] if has_heading else [],
            paragraphs=runs[has_heading:],
            sentences=sentences,
            all_sentences=len(spans),
            unnamed=sum(not _touches(span, self._spans) for span in spans),
        )


def _touches(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a span overlaps one of some sorted spans that do not overlap each other."""
    place = bisect_left(spans, span)
    return any(start < span[1] and span[0] < end for start, end in spans[max(place - 1, 0) : place + 1])


def _sentence_view(
    span: tuple[int, int], predictions: dict[str, Prediction], numbers: dict[str, int]
) -> SentenceView:
    stances: list[StanceRow] = []
    mentions: list[tuple[int, int, int]] = []
    for party, prediction in predictions.items():
        support, neutral, criticize = (round(1000 * probability) for probability in prediction.probabilities)
        label = LABELS.index(prediction.label)
        holder = "the author" if prediction.holder == AUTHOR else prediction.holder
        who = numbers.get(holder, holder)
        cut = int(prediction.truncated)
        stances.append((numbers[party], label, support, neutral, criticize, cut, who))
        mentions += [(span[0] + m.start, span[0] + m.end, numbers[party]) for m in prediction.mentions]
    return SentenceView(*span, stances, mentions)


def _paragraphs(text: str) -> list[tuple[int, int]]:
    """Spans of the paragraphs: split at blank lines, or at every line end where there is no blank line."""
    gap = _BLANK_LINE if _BLANK_LINE.search(text.strip()) else _LINE
    edges = [0, *(edge for match in gap.finditer(text) for edge in match.span()), len(text)]
    spans: list[tuple[int, int]] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        paragraph = text[start:end]
        first = start + len(paragraph) - len(paragraph.lstrip())
        if stripped := paragraph.strip():
            spans.append((first, first + len(stripped)))
    return spans


def _runs(text: str, start: int, end: int, sentences: Sequence[SentenceView]) -> Iterator[Run]:
    """Cut a paragraph at the edges of sentences and mentions; the runs give its text again."""
    position = start
    for number, sentence in enumerate(sentences):
        first, last = max(sentence.start, start), min(sentence.end, end)
        if first >= last:
            continue
        if position < first:
            yield Run(text[position:first])
        edges = {edge for mention in sentence.mentions for edge in mention[:2] if first < edge < last}
        cuts = [first, *sorted(edges), last]
        for begin, stop in pairwise(cuts):
            parties = sorted({p for low, high, p in sentence.mentions if low <= begin and stop <= high})
            is_first = not text[sentence.start : first].strip()
            yield Run(text[begin:stop], number, tuple(parties), begin == first, stop == last, is_first)
        position = last
    if position < end:
        yield Run(text[position:end])


def _ranked(totals: dict[str, Counter[str]], registry: Registry) -> list[PartyTotals]:
    """The parties, the one with the most sentences first."""
    names = {party: registry.parties[party].name if party in registry.parties else party for party in totals}
    longest = max((counts.total() for counts in totals.values()), default=0)
    ranked = sorted(totals, key=lambda party: (-totals[party].total(), names[party], party))
    return [_party_totals(party, names[party], totals[party], longest) for party in ranked]


def _party_totals(party: str, name: str, found: Counter[str], longest: int) -> PartyTotals:
    counts = {label: found[label] for label in LABELS}
    bar: list[tuple[str, float, float]] = []
    before = 0
    for label, count in counts.items():
        if count:
            bar.append((label, round(100 * before / longest, 2), round(100 * count / longest, 2)))
        before += count
    return PartyTotals(party, name, counts, before, bar)


def _link(url: str) -> str:
    """The url when it is one of the web, else ''."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme in ("http", "https") and parts.netloc else ""


def _csp_hash(source: Any) -> str:
    """How a content security policy names an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(str(source).encode()).digest()).decode()}"


@cache
def _template() -> Template:
    environment = page_environment()
    environment.filters["csp_hash"] = _csp_hash
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.get_template("stances.html")
