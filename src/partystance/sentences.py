"""Article text -> sentences with offsets into the article.

A small rule segmenter: every run of terminators is a candidate, and what stands left and right of it decides.
Made because no offline splitter reached 95 % on `tests/data/boundaries.jsonl` (see `docs/decisions.md`); the
work is linear in the text, and never looks further than a few words.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from partystance.schema import Article, Sentence

_CLOSERS = "\"'”’“»›)\\]}」』】"
_OPENERS = "\"'“‘„«‹([{「『【"
_FOOTNOTES = r"(?:\[\d{1,3}\])*+"
_STOPS = ".!?…؟۔।"  # a space must follow these, but not 。
# One class comes first, which the engine searches fast. The look-behinds let only the first of a run of stops
# try: else a hostile run would cost its square.
_TERMINATOR = re.compile(
    rf"[{_STOPS}。！？](?:(?<=[。！？])[。！？]*+[{_CLOSERS}]*+|(?<![{_STOPS}][{_STOPS}])(?:"
    rf"(?<=\.)(?<!\.[ \u00a0]\.)(?:[ \u00a0]\.){{2,}}+[{_CLOSERS}]*+"
    rf"|[{_STOPS}]*+[{_CLOSERS}]*+{_FOOTNOTES}"
    r")(?=\s|\Z))"
)
_LINE = re.compile(r"[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_LEFT_WORD = re.compile(rf"[^\s{_OPENERS}—–/-]*\Z")
_NEXT_WORDS = re.compile(
    rf"\s*([{_OPENERS}—–-]*+(?:(?<=[—–-])\s+)?)([^\s{_CLOSERS}{_OPENERS},.;:!?]*)"
    rf"(?:[^\S\r\n]+([^\s{_CLOSERS},.;:!?]+))?"
)
_ENUMERATOR = re.compile(r"(?:[-•*–]\s)?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})\Z")
_BULLET = re.compile(r"(?:[-•*▪◦‣·–—]|\d{1,3}[.)]|[a-zA-Z][.)])\s")
_CLOSED = re.compile(r"\s*[”»)\]}]")
_CREDIT = re.compile(r"\s*\(([^().!?]{1,60})\)\s*\Z")
_DOTTED = re.compile(r"(?:\w\.)+\w\Z")

# A name follows these: never the end of a sentence. Titles are written with a capital ...
_TITLES = frozenset(
    "mr mrs ms mx dr prof rev fr hon pres gen lt col sgt capt cmdr cdr adm maj brig cpl pvt pfc ssgt msgt "
    "sen sens rep reps gov govs amb sec atty asst supt insp msgr mt ft eds messrs mmes mme mlle sra rt figs "
    "spc gens cols drs profs revs ste sgts det dep min comdr ens lieut".split()
)
# ... and these without.
_LATIN = frozenset("vs v cf e.g i.e viz pp".split())
# The end of a sentence only if something that begins one follows. Most are words, too, in lower case.
_ABBREVIATIONS = frozenset(
    "Assn Ave Blvd Rd Vol Ed Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur "
    "Thurs Fri Sat Sun Dept Univ St Sq Ala Ariz Ark Calif Colo Conn Fla Ga Ill Ind Kan Ky La Md Mass Mich "
    "Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo Ph.D Esq Plc PLC LLC Gov't Int'l "
    "Nat'l GmbH Hts Hwy dept univ assn hr hrs lb lbs oz ft sq vol ed blvd gov't int'l nat'l plc al".split()
)
# These, too, or if a subject and its verb follow: "the U.S. Norland has", "Crane Corp. Norland has".
_NAME_ENDS = frozenset(
    "Inc Ltd Co Corp Bros Jr Sr jr sr U.S U.S.A U.S.S.R U.N U.K U.A.E E.U D.C G.O.P N.Y L.A".split()
)
_BEFORE_NUMBERS = frozenset(
    "No Nos nos Art Arts Sec Secs Para Paras para paras P p PP pp Ch Chap ch chap Vol vol Vols vols Fig fig "
    "Res Op ca c b pop est approx § Rte Hwy Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec jan feb mar apr "
    "jun jul aug sep sept oct nov dec".split()
)
_STARTERS = frozenset(
    "a after all although among an and another any as asked at because before both but by critics despite "
    "during each earlier even every few for from he her here his how however i if in instead it its last "
    "later many meanwhile more most nearly neither no nobody none nor not nothing now officials on once one "
    "only or other others our police residents several she since so some still such that the their then "
    "there these they this those though through to today two under until we what when where whether while "
    "who why with witnesses without yesterday yet you your analysts three four five thousands hundreds "
    "dozens experts what's it's he's she's they're that's there's i'm we're who's doesn't don't everyone "
    "everybody everything someone somebody something anyone also again according about above across against "
    "along around behind below beside besides beyond indeed therefore thus perhaps maybe yes well just my "
    "prosecutors authorities lawmakers".split()
)
_VERBS = frozenset(
    "is are was were has have had will would can cannot could may might must should does do did says say "
    "said denies denied declined wants want wanted needs made makes took takes gave gives came comes went "
    "goes remains became called calls told there isn't wasn't hasn't won't didn't doesn't".split()
)
# Words that go on after "the U.S.", even where a verb comes after them.
_INSTITUTIONS = frozenset(
    "agency air airways ambassador ambassadors army assembly attorney bank bureau bill border cabinet "
    "capitol central chairman chairwoman chamber charter chief chiefs coast code command commission "
    "commissioner congress congressman constitution consulate convention corps council court customs defense "
    "democrat democrats department diplomat diplomats district dollar embassy envoy family federal fifth "
    "food force forces foreign general government governor guard health high homeland house human "
    "immigration intelligence justice law marine marines marshals military mint mission national navy office "
    "open organization pacific parliament peacekeepers postal president prime program refugee rep "
    "representative republican republicans resolution secretary secretary-general security senate senator "
    "sen senators seventh sixth special state states steel supreme trade treasury treaty troops vice virgin "
    "women world".split()
)
_TIMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december eastern central mountain pacific greenwich local".split()
)
_SPEECH = frozenset(
    "said says asked asks added adds replied shouted cried wrote writes answered told tells wondered "
    "exclaimed demanded insisted warned quipped tweeted posted declared argued joked snapped yelled screamed "
    "continued noted recalled chanted whispered muttered thundered inquired begins began read reads".split()
)
_LETTER_ENDS = frozenset(
    "plan vitamin group class hepatitis appendix section part type grade category witness camp".split()
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the sentences of a text as (start, end), in order, whitespace between them left out.

    Every character that is not whitespace lies in exactly one span. A line end is the end of a sentence, as
    in wire copy, unless the line runs on: the text is clearly hard-wrapped, or the next line starts in lower
    case.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        begin = start
        for match in _TERMINATOR.finditer(text, start, end):
            if match.end() < end and _ends_sentence(text, begin, match, end):
                spans.append((begin, match.end()))
                begin = _skip_space(text, match.end(), end)
        if begin < end:
            spans.append((begin, end))
    return spans


def split_sentences(article: Article) -> list[Sentence]:
    """Return an article's sentences: `article.text[s.start:s.end] == s.text`."""
    return [
        Sentence(article.doc_id, index, start, end, article.text[start:end])
        for index, (start, end) in enumerate(sentence_spans(article.text))
    ]


def _skip_space(text: str, start: int, end: int) -> int:
    while start < end and text[start].isspace():
        start += 1
    return start


def _blocks(text: str) -> list[tuple[int, int]]:
    """Stretches of text that no sentence crosses, without space around: lines, joined where they run on."""
    paragraphs = _paragraphs(text)
    width = max((_wrap_width(text, paragraph) for paragraph in paragraphs if len(paragraph) > 2), default=0)
    blocks: list[tuple[int, int]] = []
    for paragraph in paragraphs:
        blocks.append(paragraph[0])
        for before, after in pairwise(paragraph):
            if _runs_on(text, before, after, width):
                blocks[-1] = (blocks[-1][0], after[1])
            else:
                blocks.append(after)
    return blocks


def _paragraphs(text: str) -> list[list[tuple[int, int]]]:
    """Lines that are not blank, without space around, grouped where a single line feed stands between."""
    groups: list[list[tuple[int, int]]] = []
    previous_end = -1
    for match in _LINE.finditer(text):
        line = match[0].strip()
        if not line:
            continue
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        if groups and text[previous_end : match.start()] in ("\n", "\r\n"):
            groups[-1].append((start, start + len(line)))
        else:
            groups.append([(start, start + len(line))])
        previous_end = match.end()
    return groups


def _wrap_width(text: str, paragraph: list[tuple[int, int]]) -> int:
    """The width that a paragraph of three lines or more is clearly wrapped to, in characters; 0 if it is not.

    Clearly: 50 to 100 columns, no line has room for the first word of the next, one starts in lower case.
    With four lines or more the first may be a headline, which has room.
    """
    width = max(end - start for start, end in paragraph)
    if not 50 <= width <= 100 or not any(text[start].islower() for start, _ in paragraph[1:]):
        return 0
    breaks = list(pairwise(paragraph))
    below_headline = breaks[1:] if len(breaks) > 2 else breaks
    return width if all(_is_full(text, *lines, width) for lines in below_headline) else 0


def _is_full(text: str, line: tuple[int, int], following: tuple[int, int], width: int) -> bool:
    """Whether the first word of the following line would not have fitted on this one."""
    first_word = text[following[0] : following[1]].split(None, 1)[0]
    length = line[1] - line[0]
    return length <= width < length + 1 + len(first_word)


def _runs_on(text: str, line: tuple[int, int], following: tuple[int, int], width: int) -> bool:
    """Whether the sentence at the end of a line goes on in the next one of its paragraph."""
    if _BULLET.match(text, *following):
        return False
    if text[following[0]].islower() and text[line[1] - 1] not in ".!?…:;":
        return True
    return width > 0 and _is_full(text, line, following, width)


class _Next(NamedTuple):
    """What follows a run of terminators: opening marks, the next two words, and whether in a headline."""

    opened: str
    word: str
    second: str
    in_headline: bool

    def begins_sentence(self) -> bool:
        """Whether a word follows that seldom goes on with a name; In a Headline All Words Look So."""
        if self.in_headline and self.second[:1].isupper():
            return False
        if self.opened:  # but no dash, no bracket: "WASHINGTON, D.C. (NP) — The envoy"
            return self.opened[0] in "\"“‘'„«"
        return _folded(self.word) in _STARTERS

    def is_subject_and_verb(self) -> bool:
        """Whether "Norland has" follows, but not "Army has", which goes on with "the U.S."."""
        named = not self.opened and _folded(self.word) not in _INSTITUTIONS
        return named and _folded(self.second) in _VERBS


def _folded(word: str) -> str:
    return word.lower().replace("’", "'")


def _next(text: str, start: int, end: int) -> _Next:
    match = _NEXT_WORDS.match(text, start, end)
    assert match is not None  # every part of the pattern may be empty
    return _Next(match[1], match[2], match[3] or "", in_headline=text[end - 1].isalnum())


def _ends_sentence(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    """Whether a sentence that began at `begin` ends with this run of terminators."""
    if match[0][0] in "。！？؟۔।":
        return True
    after = _next(text, match.end(), end)
    if after.word[:1].islower() and not after.word[1:2].isupper():  # but iPhone, eBay
        return False
    if text[match.start() - 1 : match.start()] in ("[", "(") or _CLOSED.match(text, match.end(), end):
        return False  # "[...] We shall return"
    left = _LEFT_WORD.search(text, max(begin, match.start() - 24), match.start())
    word = left[0] if left else ""
    if match[0] in (".", ".)", ".]"):
        return _ends_after_word(text, begin, match.start(), word, after) and not _is_credit(
            text, match.end(), end
        )
    if match[0][0] == "." and match[0][1] != "." and not _DOTTED.match(word):
        return True  # "We left." Berg said nothing.
    return not _is_speech(text, match, end)


def _is_credit(text: str, start: int, end: int) -> bool:
    """Whether the rest of the line only says whose the picture is: (Norland Press/Ida Moss)."""
    credit = _CREDIT.match(text, start, end) if end - start <= 80 else None
    return credit is not None and all(
        word[0].isupper() or word in ("via", "of", "for", "the") for word in credit[1].split()
    )


def _is_speech(text: str, match: re.Match[str], end: int) -> bool:
    """Whether the words after a quotation say who spoke it: "Why?" Minister Berg asked."""
    if match[0][-1] not in "\"'”’»›」』":
        return False
    words = re.findall(r"[\w'’-]+|[^\w\s]", text[match.end() : min(end, match.end() + 60)])[:6]
    for word in words:
        if word.lower() in _SPEECH:
            return True
        if not word[0].isupper() and word not in ("the", "of", "."):
            return False
    return False


def _ends_after_word(text: str, begin: int, dot: int, word: str, after: _Next) -> bool:
    """Whether a full stop after `word` ends the sentence."""
    if dot - begin <= 6 and _ENUMERATOR.match(text, begin, dot):
        return False  # "1. The plan"
    if after.word[:1].isdigit() and word.lstrip("_*#") in _BEFORE_NUMBERS:
        return False
    if (word.lower() in _TITLES and word[0].isupper()) or word in _LATIN:
        return False
    if word.lower() in ("a.m", "p.m"):
        return not (_folded(after.word) in _TIMES or after.word.isupper() or after.second == "time")
    if len(word) == 1 and word.isalpha():
        return _ends_after_letter(text, begin, dot, after)
    if word in _NAME_ENDS or word in _ABBREVIATIONS or _DOTTED.match(word):
        alone = dot - begin == len(word)  # as in "U.S. Officials Warn Norland"
        verb = word in _NAME_ENDS and after.is_subject_and_verb()
        return not alone and (verb or after.begins_sentence())
    return True


def _ends_after_letter(text: str, begin: int, dot: int, after: _Next) -> bool:
    """Whether a full stop after a single letter ends the sentence, or the letter is an initial."""
    before = text[max(begin, dot - 24) : dot - 1].split()
    if before and before[-1].lower() in _LETTER_ENDS:
        return True
    return bool(before) and _folded(after.word) in _STARTERS
