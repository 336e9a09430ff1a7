import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partystance.labels import lexicon
from partystance.labels.clauses import Clauses
from partystance.labels.rules import RuleLabel, RuleLabeller
from partystance.parties import PartyMention
from partystance.schema import LABELS, Stance

CASES = [json.loads(line) for line in (Path(__file__).parent / "data" / "rules.jsonl").open(encoding="utf-8")]
MARK = re.compile(r"\[(?P<party>[a-z0-9-]+)(?P<kind>[|~])(?P<surface>[^\]]+)\]")


def parse(marked):
    """Return the plain text and the mentions of `[party|surface]`; `~` marks part of another word."""
    text, mentions, position = "", [], 0
    for mark in MARK.finditer(marked):
        text += marked[position : mark.start()]
        start, position = len(text), mark.end()
        text += mark["surface"]
        mention = PartyMention(start, len(text), mark["surface"], mark["party"], "name", mark["kind"] == "~")
        mentions.append(mention)
    return text + marked[position:], mentions


def label(marked):
    return RuleLabeller().label(*parse(marked))


def stances(marked):
    return {party: str(found.label) for party, found in label(marked).items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rule']}: {case['text'][:50]}")
def test_hand_labelled_sentence(case):
    found = label(case["text"])
    polar = {party: (str(r.label), r.holder) for party, r in found.items() if r.label != "neutral" or r.mixed}
    assert polar == {party: (gold["label"], gold["holder"]) for party, gold in case["labels"].items()}
    assert {p for p, r in found.items() if r.mixed} == {
        p for p, g in case["labels"].items() if g.get("mixed")
    }


def test_every_rule_has_sentences_it_fires_on_and_sentences_it_must_leave_alone():
    fires, quiet = (
        Counter(c["rule"] for c in CASES if bool(c["labels"]) is polar) for polar in (True, False)
    )
    assert len(CASES) >= 120
    families = set(fires) - {"mixed"}
    assert families <= set(quiet), families - set(quiet)


@pytest.mark.parametrize(
    ("sentence", "criticized"),
    [
        ("[a|Ardland] {accused} [b|Belmark] of piracy.", "b"),
        ("[b|Belmark] {accused} [a|Ardland] of piracy.", "a"),
        ("[b|Belmark] was {accused} by [a|Ardland] of piracy.", "b"),
        ("[a|Ardland] has been {accused} by [b|Belmark].", "a"),
    ],
)
@pytest.mark.parametrize(
    "verb", ["accused", "condemned", "denounced", "criticised", "criticized", "slammed", "blamed"]
)
def test_roles_swap(sentence, criticized, verb):
    found = label(sentence.replace("{accused}", verb))
    other = "a" if criticized == "b" else "b"
    assert (found[criticized].label, found[criticized].holder) == (Stance.CRITICIZE, other)
    assert found[other] == RuleLabel(Stance.NEUTRAL)


@pytest.mark.parametrize(
    ("lemma", "forms"),
    [
        (
            "criticise",
            "criticise criticises criticised criticising criticize criticizes criticized criticizing",
        ),
        ("honour", "honour honours honoured honouring honor honors honored honoring"),
        ("slam", "slam slams slammed slamming"),
        ("expel", "expel expels expelled expelling"),
        ("deny", "deny denies denied denying"),
        ("reproach", "reproach reproaches reproached reproaching"),
        ("stand", "stand stands stood standing"),
        ("vie", "vie vies vied vying"),
    ],
)
def test_inflection(lemma, forms):
    assert set(lexicon.inflect(lemma)) == set(forms.split())


def test_every_stance_verb_judges_its_object_in_the_past_tense():
    """Each plain verb of the lexicon, in the one frame they all share; those with a condition excepted."""
    verbs = {
        v
        for readings in lexicon.VERBS.values()
        for v, tag in readings
        if not (v.particle or v.then or v.demand)
    }
    for verb in verbs:
        for form, tag in lexicon.inflect(verb.lemma).items():
            if tag is lexicon.Tag.PAST:
                assert stances(f"[a|Ardland] {form} [b|Belmark].") == {
                    "a": "neutral",
                    "b": str(verb.label),
                }, form


def test_no_word_is_listed_on_both_poles():
    for table in ("JUDGEMENTS", "EPITHETS", "OBLIGATIONS", "REACTIONS"):
        assert set(getattr(lexicon, table).values()) == {Stance.CRITICIZE, Stance.SUPPORT}
    by_lemma = {}
    for verb in (v for readings in lexicon.VERBS.values() for v, _ in readings):
        assert by_lemma.setdefault((verb.lemma, verb.particle), verb) == verb


def test_evidence_quotes_the_words_that_fired():
    assert label("[a|Ardland] refused to condemn [b|Belmark].")["b"].evidence == "refused condemn"
    assert label("[a|Ardland] announced sanctions on [b|Belmark].")["b"].evidence == "sanctions on"
    assert label("[a|Ardland] met [b|Belmark].")["b"].evidence == ""


def test_all_mentions_of_a_party_are_one_pair_in_order_of_appearance():
    found = label("[b|Belmark] met [a|Ardland]; later [a|Ardland's] envoy condemned [b|Belmark].")
    assert list(found) == ["b", "a"]
    assert found["b"].holder == "a"


def test_no_mentions_no_labels():
    assert RuleLabeller().label("Nobody is named here.", []) == {}
    assert RuleLabeller().label("", []) == {}


def test_overlapping_mentions_are_taken_once():
    text = "Ardland condemned New Belmark."
    spans = {"a": (0, 7), "n": (18, 29), "b": (22, 29)}
    mentions = [PartyMention(s, e, text[s:e], party, "name", False) for party, (s, e) in spans.items()]
    found = RuleLabeller().label(text, mentions)
    assert {p: str(r.label) for p, r in found.items()} == {"a": "neutral", "n": "criticize", "b": "neutral"}


FUNCTION_WORDS = [
    "the",
    "said",
    "that",
    "of",
    "by",
    "to",
    ",",
    ".",
    "“",
    "”",
    "'s",
    "and",
    "did",
    "not",
    "was",
    "it",
]
CUES = [*list(lexicon.VERBS)[::5], *list(lexicon.NOUNS)[::3], *list(lexicon.JUDGEMENTS)[::7]]
WORDS = sorted({*FUNCTION_WORDS, *CUES})
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(["[a|Ardland]", "[b|Belmark's]", "[c|Corrian]", "[a~Ardish]-led", "pro-[b~Belmark]"]),
    st.text(max_size=6).filter(lambda s: "[" not in s and "]" not in s),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=30))
def test_any_text_gives_legal_labels_for_the_given_parties_only(pieces):
    text, mentions = parse(" ".join(pieces))
    found = RuleLabeller().label(text, mentions)
    assert set(found) == {m.party for m in mentions}
    for party, result in found.items():
        assert result.label in LABELS
        if result.label == Stance.NEUTRAL:
            assert not result.holder
        else:
            assert all(word in text for word in result.evidence.split())
            assert result.evidence
            assert result.holder != party or result.label == Stance.SUPPORT
        assert not (result.mixed and result.label != Stance.NEUTRAL)


@settings(max_examples=50, deadline=None)
@given(st.lists(PIECES, max_size=20))
def test_the_order_of_the_mentions_does_not_matter(pieces):
    text, mentions = parse(" ".join(pieces))
    assert RuleLabeller().label(text, mentions[::-1]) == RuleLabeller().label(text, mentions)


@pytest.mark.parametrize(
    "unit",
    [
        "[a|Ardland] accused [b|Belmark] of lying and condemned the raid. ",
        "and [a|Ardland] supported the ",
        "is said to be was not ",
        "“ ” ",
    ],
)
def test_work_grows_linearly_with_the_text(unit, monkeypatch):
    """Counted in looks at a token, which everything is made of: a clock would measure the machine too."""
    look, looks = Clauses.word, 0

    def counted(clauses, i):
        nonlocal looks
        looks += 1
        return look(clauses, i)

    monkeypatch.setattr(Clauses, "word", counted)
    done = []
    for times in (200, 800):
        looks = 0
        RuleLabeller().label(*parse(unit * times))
        done.append(looks)
    assert 0 < done[1] < 4.1 * done[0]
