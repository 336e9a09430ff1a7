"""From articles to the (sentence, party) pairs that a model or an annotator answers."""

from collections.abc import Iterator

from partystance.parties import PartyMention, Registry
from partystance.schema import Article, Example, Mention, Sentence
from partystance.sentences import split_sentences


def mentions_by_party(mentions: list[PartyMention]) -> dict[str, tuple[Mention, ...]]:
    """Group a sentence's mentions by party, parties in the order of their first mention."""
    parties: dict[str, tuple[Mention, ...]] = {}
    for found in mentions:
        mention = Mention(found.start, found.end, found.surface)
        parties[found.party] = (*parties.get(found.party, ()), mention)
    return parties


def pairs(article: Article, registry: Registry) -> Iterator[Example]:
    """Yield one unlabelled example a (sentence, party) pair of an article, in reading order."""
    for sentence in split_sentences(article):
        for party, mentions in mentions_by_party(registry.find(sentence.text, date=article.date)).items():
            yield pair(article, sentence, party, mentions)


def pair(article: Article, sentence: Sentence, party: str, mentions: tuple[Mention, ...]) -> Example:
    """Make the unlabelled example of one pair; its id is `<doc_id>:<sentence>:<party>`."""
    return Example(
        id=f"{article.doc_id}:{sentence.index}:{party}",
        doc_id=article.doc_id,
        sentence_index=sentence.index,
        sentence_start=sentence.start,
        sentence_end=sentence.end,
        text=sentence.text,
        party=party,
        mentions=mentions,
        outlet=article.outlet,
        date=article.date,
        url=article.url,
        title=article.title,
        group=article.doc_id,
    )
