"""Article text -> sentences with offsets into the article.

A small rule segmenter: every run of terminators is a candidate, and what stands left and right of it decides.
Made because no offline splitter reached 95 % on `tests/data/boundaries.txt` (see `docs/decisions.md`); the
work is linear in the text, and never looks further than a few words.
"""

import re
from itertools import pairwise

from partystance.schema import Article, Sentence

_CLOSERS = "\"'”’»›)\\]}」』】"
_OPENERS = "\"'“‘«‹([{「『【"
_TERMINATOR = re.compile(
    rf"(?<![.!?…])[.!?…]++[{_CLOSERS}]*+(?=\s|\Z)|[。！？]++[{_CLOSERS}]*+|[؟۔।]++[{_CLOSERS}]*+(?=\s|\Z)"
)
_LINE = re.compile(r"[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_LEFT_WORD = re.compile(rf"[^\s{_OPENERS}—–/]*\Z")
_NEXT_WORD = re.compile(rf"\s*([{_OPENERS}—–-]*)([^\s{_CLOSERS}{_OPENERS},.;:!?]*)")
_ENUMERATOR = re.compile(r"\s*(?:[-•*–]\s*)?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})\Z")
_BULLET = re.compile(r"\s*(?:[-•*▪◦‣·–—]|\d{1,3}[.)]|[a-zA-Z][.)])\s")
_DOTTED = re.compile(r"(?:\w\.)+\w\Z")

# A name or a number follows these: never the end of a sentence.
_TITLES = frozenset(
    "mr mrs ms mx dr prof rev fr hon pres gen lt col sgt capt cmdr cdr adm maj brig cpl pvt sen sens "
    "rep reps gov govs amb sec atty supt insp msgr mt ft vs v cf eds messrs mmes mme mlle sra rt fig "
    "figs pp op e.g i.e viz del asst spc gens cols drs profs revs ste sgts det dep min comdr ens".split()
)
# The end of a sentence only if something that begins one follows.
_ABBREVIATIONS = frozenset(
    "inc ltd co corp jr sr bros etc al est dept univ assn ave blvd rd approx vol ed jan feb mar apr jun "
    "jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun ala ariz ark calif colo "
    "conn fla ga ill ind kan ky la md mass mich minn miss mo mont neb nev okla ore pa tenn tex va vt "
    "wash wis wyo ph.d m.d b.a m.a a.m p.m d.c sq st hr hrs mi lb lbs oz ca gov't int'l nat'l esq llc "
    "plc ga del gmbh".split()
)
_BEFORE_NUMBERS = frozenset("no nos art sec para p pp ch chap vol fig approx ca cl §".split())
_STARTERS = frozenset(
    "a after all although among an and another any as asked at because before both but by critics "
    "despite during each earlier even every few for from he her here his how however i if in instead it "
    "its last later many meanwhile more most nearly neither no nobody nor not nothing now officials on "
    "once one only or other others our police residents several she since so some still such that the "
    "their then there these they this those though through to two under until we what when where "
    "whether while who why with witnesses without yet you your analysts three four five thousands "
    "hundreds dozens experts what's it's he's she's they're that's there's i'm".split()
)
_SPEECH = frozenset(
    "said says asked asks added replied shouted cried wrote answered told wondered exclaimed demanded "
    "insisted warned quipped tweeted posted declared argued joked snapped yelled screamed continued "
    "noted recalled".split()
)
_LETTER_ENDS = frozenset(
    "plan vitamin group class hepatitis appendix section part type grade category".split()
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the sentences of a text as (start, end), in order, whitespace between them left out.

    Every character that is not whitespace lies in exactly one span. A line end is the end of a sentence, as
    in wire copy, unless the line runs on: its paragraph is hard-wrapped, or the next line starts in lower
    case.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        begin = start
        for match in _TERMINATOR.finditer(text, start, end):
            if match.end() < end and _ends_sentence(text, begin, match, end):
                _add(spans, text, begin, match.end())
                begin = match.end()
        _add(spans, text, begin, end)
    return spans


def split_sentences(article: Article) -> list[Sentence]:
    """Return an article's sentences: `article.text[s.start:s.end] == s.text`."""
    return [
        Sentence(article.doc_id, index, start, end, article.text[start:end])
        for index, (start, end) in enumerate(sentence_spans(article.text))
    ]


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    if left < len(piece):
        spans.append((start + left, start + len(piece.rstrip())))


def _blocks(text: str) -> list[tuple[int, int]]:
    """Stretches of text that no sentence crosses: lines, joined where they run on."""
    lines = [match.span() for match in _LINE.finditer(text) if not match[0].isspace()]
    blocks: list[tuple[int, int]] = []
    for paragraph in _paragraphs(text, lines):
        wrapped = _is_wrapped(paragraph)
        blocks.append(paragraph[0])
        for before, after in pairwise(paragraph):
            if _runs_on(text[slice(*before)].rstrip(), text[after[0] : after[0] + 40].lstrip(), wrapped):
                blocks[-1] = (blocks[-1][0], after[1])
            else:
                blocks.append(after)
    return blocks


def _paragraphs(text: str, lines: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Lines grouped where a single line feed stands between them."""
    groups: list[list[tuple[int, int]]] = []
    for line in lines:
        if groups and text[groups[-1][-1][1] : line[0]] in ("\n", "\r\n"):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _is_wrapped(paragraph: list[tuple[int, int]]) -> bool:
    """Whether all lines but the last are about as long as a wrapped line is (55 to 100 characters)."""
    lengths = [end - start for start, end in paragraph[:-1]]
    return (
        len(lengths) >= 2 and min(lengths) >= 55 and max(lengths) <= 100 and max(lengths) - min(lengths) <= 20
    )


def _runs_on(first: str, second: str, wrapped: bool) -> bool:
    """Whether the sentence at the end of one line goes on in the next one of its paragraph."""
    if _BULLET.match(second):
        return False
    return wrapped or (second[:1].islower() and first[-1] not in ".!?…:;")


def _ends_sentence(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    """Whether a sentence that began at `begin` ends with this run of terminators."""
    terminator = match[0]
    if terminator[0] in "。！？؟۔।":
        return True
    left = _LEFT_WORD.search(text, max(begin, match.start() - 24), match.start())
    word = left[0] if left else ""
    next_word = _NEXT_WORD.match(text, match.end(), end)
    opened, following = (next_word[1], next_word[2]) if next_word else ("", "")
    dots = terminator.rstrip("\"'”’»›)]}」』】")
    if following[:1].islower() and not following[1:2].isupper():  # but iPhone, eBay
        return False
    if dots != ".":
        return not _is_speech(text, match, end)
    closed = len(terminator) > 1
    return closed or _ends_after_word(text, begin, match.start(), word, opened, following)


def _is_speech(text: str, match: re.Match[str], end: int) -> bool:
    """Whether the words after a quotation say who spoke it: "Why?" Minister Berg asked."""
    if match[0][-1] not in "\"'”’»›」』":
        return False
    words = re.findall(r"[\w'’-]+|[^\w\s]", text[match.end() : min(end, match.end() + 60)])[:5]
    for word in words:
        if word.lower() in _SPEECH:
            return True
        if not word[0].isupper() and word not in ("the", "of", "."):
            return False
    return False


def _ends_after_word(text: str, begin: int, dot: int, word: str, opened: str, following: str) -> bool:
    """Whether a full stop after `word`, with `following` next, ends the sentence."""
    lower = word.lower().rstrip(".")
    starts = following.lower() in _STARTERS or bool(opened)
    if _ENUMERATOR.match(text, begin, dot) and dot - begin <= 8:
        return False  # "1. The plan"
    if lower in _BEFORE_NUMBERS and following[:1].isdigit():
        return False
    if lower in _TITLES and word[:1].isupper() | (lower in ("vs", "v", "cf", "al", "e.g", "i.e", "viz")):
        return False
    if len(word) == 1 and word.isalpha():
        return _ends_after_letter(text, begin, dot, word, starts)
    if lower in _ABBREVIATIONS or _DOTTED.match(word):
        return starts
    return True


def _ends_after_letter(text: str, begin: int, dot: int, letter: str, starts: bool) -> bool:
    """Whether a full stop after a single letter ends the sentence, or the letter is an initial."""
    before = text[max(begin, dot - 24) : dot - 1].split()
    if before and before[-1].lower() in _LETTER_ENDS:
        return True
    return starts and letter in "IX" and bool(before)
