"""Splits that do not leak: near-duplicate clusters, splits by group, and the report that proves it.

A *group* is what must never be torn apart: everything that comes from one article, together with every
article that shares a near-identical sentence with it.
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from partystance.errors import PartystanceError
from partystance.schema import Example

NGRAM = 3
"""Words in a shingle: the unit in which two sentences are compared."""

NEAR_DUPLICATE = 0.8
"""Jaccard similarity of word 3-grams from which two sentences count as the same."""

_PERMUTATIONS = 128
_HASH_SEED = 1
_WORD = re.compile(r"\w+")


def normalise(text: str) -> str:
    """Return the words of a text and nothing else: NFKC, case folded, single spaces, no punctuation."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def shingles(text: str) -> frozenset[str]:
    """Return the word 3-grams of the normalised text; a shorter text is one shingle, no words are none."""
    words = normalise(text).split()
    if len(words) <= NGRAM:
        return frozenset([" ".join(words)] if words else [])
    return frozenset(" ".join(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Return |left & right| / |left | right|; 1 when both are empty."""
    union = len(left | right)
    return len(left & right) / union if union else 1.0


def near_duplicate_clusters(texts: Sequence[str], threshold: float = NEAR_DUPLICATE) -> list[int]:
    """Cluster texts whose word 3-grams overlap, single linkage.

    Args:
        texts: sentences, any length.
        threshold: two texts are linked when the Jaccard similarity of their shingles is at least this.

    Returns:
        One cluster number a text, numbered by first appearance.
    """
    keys = [normalise(text) for text in texts]
    clusters = _Components(keys)
    for left, right in _near_pairs(set(keys), threshold):
        clusters.join(left, right)
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(clusters.root(key), len(numbers)) for key in keys]


def assign_groups(examples: Sequence[Example], threshold: float = NEAR_DUPLICATE) -> list[Example]:
    """Return the examples with `group` set to their connected component over articles and near-duplicates.

    Two examples are connected when they share `doc_id` or `group`, or have near-identical sentences. A
    component is called after the smallest article key in it, so its name does not depend on row order.
    """
    clusters = near_duplicate_clusters([example.text for example in examples], threshold)
    keys = [article_keys(example) for example in examples]
    components = _Components(key for row in keys for key in row)
    first_in_cluster: dict[int, str] = {}
    for row, cluster in zip(keys, clusters, strict=True):
        anchor = first_in_cluster.setdefault(cluster, row[0])
        for key in row:
            components.join(anchor, key)
    names: dict[Hashable, str] = {}
    for key in sorted(key for row in keys for key in row):
        names.setdefault(components.root(key), key)
    return [
        replace(example, group=names[components.root(row[0])])
        for example, row in zip(examples, keys, strict=True)
    ]


def article_keys(example: Example) -> list[str]:
    """Return what ties an example to its article: `group` and `doc_id`, or its sentence for want of both."""
    keys = [key for key in (example.group, example.doc_id) if key]
    return keys or [f"text:{_digest(normalise(example.text))}"]


def split_by_group(
    examples: Sequence[Example], fractions: Mapping[str, float], seed: int
) -> dict[str, list[Example]]:
    """Divide examples over splits, whole groups at a time, each label in about the same share everywhere.

    Greedy: groups of like size in a seeded order, larger sizes first; each goes where its labels are missing
    most. The result does not depend on the order of the examples.

    Args:
        examples: rows with `group` set (see `assign_groups`).
        fractions: split name -> share of the rows, in all 1.
        seed: another seed, another split.

    Returns:
        Split name -> its rows, in the order given, with `split` set.

    Raises:
        PartystanceError: there are too few groups to put one into every split.
    """
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        labels[example.group][example.label] += 1
    home = _place_groups(labels, fractions, seed)
    splits: dict[str, list[Example]] = {name: [] for name in fractions}
    for example in examples:
        name = home[example.group]
        splits[name].append(replace(example, split=name))
    empty = [name for name, rows in splits.items() if not rows]
    if empty:
        raise PartystanceError(
            f"no rows for split '{empty[0]}': {len(examples)} rows in {len(labels)} groups cannot fill "
            f"{', '.join(f'{name} ({share:g})' for name, share in fractions.items())}; add articles"
        )
    return splits


def _place_groups(
    labels: Mapping[str, Counter[str]], fractions: Mapping[str, float], seed: int
) -> dict[str, str]:
    total = sum(labels.values(), Counter())
    missing = {name: {k: share * n for k, n in total.items()} for name, share in fractions.items()}
    home: dict[str, str] = {}
    for group in sorted(labels, key=lambda g: (-labels[g].total().bit_length(), _digest(f"{seed} {g}"))):
        need = {name: _need(labels[group], gap, total) / fractions[name] for name, gap in missing.items()}
        best = max(need, key=lambda name: (round(need[name], 9), fractions[name]))
        home[group] = best
        for label, n in labels[group].items():
            missing[best][label] -= n
    return home


def _need(group: Counter[str], missing: Mapping[str, float], total: Counter[str]) -> float:
    """Return how much of what a split misses a group brings; rare and frequent labels weigh the same."""
    return sum(group[label] * missing[label] / total[label] ** 2 for label in sorted(group))


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing that two splits share: `kind` is `group`, `identical` or `near-identical` (a sentence)."""

    kind: str
    what: str
    splits: tuple[str, str]
    ids: tuple[tuple[str, ...], tuple[str, ...]]

    def __str__(self) -> str:
        sides = [
            f"{split}: {', '.join(ids[:3])}{', ...' if len(ids) > 3 else ''}"
            for split, ids in zip(self.splits, self.ids, strict=True)
        ]
        return f"{self.kind} {self.what!r} ({'; '.join(sides)})"


@dataclass(frozen=True, slots=True)
class ContaminationReport:
    """Everything that any two splits share; `leaks` is empty when the splits are `clean`."""

    leaks: tuple[Leak, ...]

    @property
    def clean(self) -> bool:
        """Whether no two splits share an article group, a sentence, or a near-identical sentence."""
        return not self.leaks

    def counts(self) -> dict[str, int]:
        """Return the number of leaks of each kind, zeros included."""
        return {kind: sum(leak.kind == kind for leak in self.leaks) for kind in KINDS}

    def ids(self, split: str) -> set[str]:
        """Return the ids of the rows of a split that share something with another."""
        sides = [side for leak in self.leaks for side in zip(leak.splits, leak.ids, strict=True)]
        return {row for name, rows in sides if name == split for row in rows}


KINDS = ("group", "identical", "near-identical")
"""What two splits can share."""


def contamination_report(
    splits: Mapping[str, Sequence[Example]], threshold: float = NEAR_DUPLICATE
) -> ContaminationReport:
    """Look for article groups, identical sentences and near-identical sentences shared by two splits."""
    articles: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    sentences: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, examples in splits.items():
        for example in examples:
            for key in dict.fromkeys(article_keys(example)):
                articles[key][name].append(example.id)
            sentences[normalise(example.text)][name].append(example.id)
    leaks = _shared("group", articles) + _shared("identical", sentences)
    for left, right in _near_pairs(sentences, threshold):
        leaks += _leaks("near-identical", left, sentences[left], sentences[right])
    return ContaminationReport(tuple(leaks))


def _shared(kind: str, holders: Mapping[str, Mapping[str, list[str]]]) -> list[Leak]:
    return [
        Leak(kind, what, (a, b), (tuple(rows[a]), tuple(rows[b])))
        for what, rows in holders.items()
        for a, b in combinations(rows, 2)
    ]


def _leaks(kind: str, what: str, left: Mapping[str, list[str]], right: Mapping[str, list[str]]) -> list[Leak]:
    return [
        Leak(kind, what, (a, b), (tuple(left[a]), tuple(right[b]))) for a in left for b in right if a != b
    ]


def _near_pairs(texts: Iterable[str], threshold: float) -> list[tuple[str, str]]:
    """Return the pairs of different normalised texts with a Jaccard similarity of at least `threshold`.

    MinHash (Broder 1997) proposes candidates, the real similarity decides; see `_band_rows` for what
    MinHash may miss. Sorted, so the order of the texts does not matter.
    """
    from rensa import RMinHash, RMinHashLSH  # pyright: ignore[reportAttributeAccessIssue]  # no stubs

    texts = sorted(set(texts))
    sets = [shingles(text) for text in texts]
    hashes = RMinHash.from_token_sets([sorted(s) for s in sets], _PERMUTATIONS, _HASH_SEED)
    index = RMinHashLSH(threshold, _PERMUTATIONS, _PERMUTATIONS // _band_rows(threshold))
    index.insert_many(hashes)
    return [
        (texts[i], texts[j])
        for i, candidates in enumerate(index.query_all(hashes))
        for j in sorted(candidates)
        if i < j and jaccard(sets[i], sets[j]) >= threshold
    ]


def _band_rows(threshold: float) -> int:
    """Return the most hashes a band for which a pair at the threshold is missed less than once in a million.

    A pair of similarity s escapes all b bands of r hashes with probability (1 - s^r)^b (Leskovec et al.,
    Mining of Massive Datasets, 3.4); more hashes a band, fewer false candidates.
    """
    fits = [r for r in (8, 4, 2, 1) if (1 - threshold**r) ** (_PERMUTATIONS // r) < 1e-6]
    if not fits:
        raise PartystanceError(f"near-duplicate threshold {threshold} is too low: use 0.11 or more")
    return fits[0]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class _Components:
    """Connected components by union-find with path halving."""

    def __init__(self, nodes: Iterable[Hashable]) -> None:
        self._parent: dict[Hashable, Hashable] = {node: node for node in nodes}

    def root(self, node: Hashable) -> Hashable:
        while self._parent[node] != node:
            self._parent[node] = self._parent[self._parent[node]]
            node = self._parent[node]
        return node

    def join(self, left: Hashable, right: Hashable) -> None:
        self._parent[self.root(left)] = self.root(right)
