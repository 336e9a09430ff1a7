"""Build a stance dataset: articles and labelled rows in; train, validation and test out, with nothing shared.

    python data/build_dataset.py configs/data/demo.yaml [key=value ...] [--force]
    python data/build_dataset.py configs/data/newsmtsc.yaml corpus=path/to/newsmtsc

Writes one Parquet file a split, a dataset card (`README.md`) and `manifest.json`. The same inputs give the
same bytes, and nothing is done when nothing changed. Fails when two splits share an article, a sentence or a
near-identical sentence. The demo takes some seconds.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from partystance.articles import read_articles
from partystance.building import (
    DatasetConfig,
    Source,
    code_digest,
    count_rows,
    is_up_to_date,
    rule_quality,
    write_split,
)
from partystance.configs import load_config
from partystance.console import readable_errors
from partystance.corpus import pairs
from partystance.errors import PartystanceError
from partystance.files import git_commit, package_versions, sha256_file, write_manifest, write_text
from partystance.labels.corpora import READERS, Format
from partystance.labels.handmade import RULE, read_handmade, settle
from partystance.labels.overlays import read_overlay
from partystance.labels.rules import rule_answers
from partystance.minimal_pairs import read_minimal_pairs
from partystance.parties import Registry
from partystance.schema import LABELS, Example
from partystance.splits import assign_groups, contamination_report, normalise, split_by_group

CARD = Path(__file__).with_name("dataset_card.md.j2")
PACKAGES = ("ahocorasick-rs", "datasets", "jinja2", "pyarrow", "rensa", "scikit-learn")

MENDED = "mended"
"""How a reader's count of rows that it repaired, and kept, ends."""

Splits = dict[str, list[Example]]


def main(
    config: Annotated[Path, typer.Argument(help="a file of configs/data")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. seed=7")] = None,
    force: Annotated[bool, typer.Option("--force", help="build even when nothing changed")] = False,
) -> None:
    """Build a dataset from articles and labelled rows.

    Examples:

        python data/build_dataset.py configs/data/demo.yaml

        python data/build_dataset.py configs/data/newsmtsc.yaml corpus=../newsmtsc
    """
    with readable_errors():
        build(load_config(DatasetConfig, config, overrides or []), force)


def build(config: DatasetConfig, force: bool = False) -> None:
    """Read, label, split, check, write."""
    inputs, resolved = input_files(config), config.model_dump(mode="json")
    versions = package_versions(*PACKAGES) | {"partystance code": code_digest(Path(__file__), CARD)}
    if not force and is_up_to_date(config.output, inputs, resolved, versions):
        print(f"{config.output}: up to date")
        return

    dropped: Counter[str] = Counter()
    registry = Registry.load(*config.parties) if config.parties else None
    rows = list(read_sources(config, registry, dropped))
    labelled = settle(rows, dropped)
    rules = rule_quality(labelled, registry)
    open_pairs = list(read_pairs(config, registry, rows, dropped)) if registry else []
    if config.rules:
        labelled += label_by_rule(open_pairs, registry, dropped)
    else:
        dropped["pair of an article that nobody labelled"] += len(open_pairs)

    pool, held_out = set_apart(config, labelled)
    if config.on_contamination == "drop_from_train":
        pool = drop_shared(config, pool, held_out, dropped)
    splits = divide(config, pool, dropped) | held_out
    shared = check(config, splits)

    facts = {
        "counts": count_rows(splits),
        "dropped": {why: n for why, n in sorted((+dropped).items()) if not why.endswith(MENDED)},
        "mended": {why: n for why, n in sorted((+dropped).items()) if why.endswith(MENDED)},
        "shared": shared,
        "rules": rules,
    }
    for name, part in splits.items():
        write_split(config.output / f"{name}.parquet", part)
    write_card(config, facts)
    outputs = {
        name: sha256_file(config.output / name) for name in [*(f"{s}.parquet" for s in splits), "README.md"]
    }
    write_manifest(
        config.output, inputs, resolved, commit=git_commit(), versions=versions, outputs=outputs, **facts
    )
    print_summary(config, facts)


def input_files(config: DatasetConfig) -> dict[str, Path]:
    """Everything the result depends on, by name; all of it must exist."""
    overlays = (source.overlay for source in config.sources if source.overlay)
    labelled = (path for source in config.sources for path in files_of(source_path(config, source)))
    files = [*labelled, *overlays, *config.parties, *config.keep_out]
    missing = [path for path in files if not path.is_file()]
    if missing:
        hint = "" if config.corpus == Path() else "; where the corpus is: corpus=path/to/folder"
        raise PartystanceError(f"{missing[0]}: no such file{hint}")
    return {path.as_posix(): path for path in (*files, *read_articles(article_paths(config)).files)}


def source_path(config: DatasetConfig, source: Source) -> Path:
    """Where a source's file is, as seen from the working directory."""
    return source.path if source.shipped else config.corpus / source.path


def files_of(path: Path) -> list[Path]:
    """The file itself, or the files of a folder (a corpus published as one)."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def article_paths(config: DatasetConfig) -> list[str]:
    """The articles' files, folders and globs, as seen from the working directory."""
    return [str(config.corpus / name) for name in config.articles]


def read_sources(
    config: DatasetConfig, registry: Registry | None, dropped: Counter[str]
) -> Iterator[Example]:
    """Rows of every source, in the order of the config, with the split their source gives them."""
    for source in config.sources:
        path = source_path(config, source)
        if source.overlay:
            rows = read_overlay(source.overlay, source.format, path, dropped)
        elif source.format == Format.ROWS:
            rows = read_handmade(path, registry, source.label_source)
        else:
            rows = READERS[source.format](path, dropped)
        for row in rows:
            yield replace(row, split=source.split or row.split)


def read_pairs(
    config: DatasetConfig, registry: Registry, rows: Sequence[Example], dropped: Counter[str]
) -> Iterator[Example]:
    """Pairs of the articles that no labelled row is about."""
    known = {(normalise(row.text), row.party) for row in rows if row.label}
    articles = read_articles(article_paths(config))
    for article in articles:
        yield from (
            pair for pair in pairs(article, registry) if (normalise(pair.text), pair.party) not in known
        )
    dropped.update(f"article: {problem.reason}" for problem in articles.problems)


def label_by_rule(rows: Sequence[Example], registry: Registry | None, dropped: Counter[str]) -> list[Example]:
    """The rows with the rule labeller's answers, which say where they come from."""
    answers = zip(rows, rule_answers(rows, registry), strict=True)
    labelled = (
        replace(row, label=str(rule.label), holder=rule.holder, mixed=rule.mixed, label_source=RULE)
        for row, rule in answers
    )
    return settle(labelled, dropped)


def set_apart(config: DatasetConfig, rows: Sequence[Example]) -> tuple[list[Example], Splits]:
    """The rows to be divided, and the splits that their sources give; ids are unique from here on."""
    repeated = [(row_id, n) for row_id, n in Counter(row.id for row in rows).most_common(1) if n > 1]
    if repeated:
        raise PartystanceError(f"id {repeated[0][0]!r} stands for {repeated[0][1]} pairs: make ids unique")
    held_out: Splits = {}
    for row in rows:
        if row.split not in ("", "train"):
            held_out.setdefault(row.split, []).append(row)
    twice = sorted(set(held_out) & set(config.fractions))
    if twice:
        raise PartystanceError(f"split {twice[0]!r} is given by a source: leave it out of 'fractions'")
    return [row for row in rows if row.split in ("", "train")], held_out


def drop_shared(
    config: DatasetConfig, pool: Sequence[Example], held_out: Splits, dropped: Counter[str]
) -> list[Example]:
    """The pool without what shares an article or a near-identical sentence with a held-out split."""
    held = [row for rows in held_out.values() for row in rows]
    shared = contamination_report({"pool": pool, "held out": held}, config.near_duplicate).ids("pool")
    dropped["shares an article or a sentence with a held-out split"] += len(shared)
    return [row for row in pool if row.id not in shared]


def divide(config: DatasetConfig, pool: Sequence[Example], dropped: Counter[str]) -> Splits:
    """Split the pool by group. Labels made by rule only ever train, and do not decide what goes where."""
    pool = assign_groups(pool, config.near_duplicate)
    splits = split_by_group([row for row in pool if row.label_source != RULE], config.fractions, config.seed)
    home = {row.group: name for name, rows in splits.items() for row in rows}
    for row in pool:
        if row.label_source != RULE:
            continue
        if home.get(row.group, "train") == "train":
            splits["train"].append(replace(row, split="train"))
        else:
            dropped["rule label in an article that is held out"] += 1
    return splits


def check(config: DatasetConfig, splits: Splits) -> dict[str, int]:
    """Fail when splits share something; return, counted, what only splits given by a source share."""
    kept_out = {path.stem: pair_rows(path) for path in config.keep_out}
    leaks = contamination_report(splits | kept_out, config.near_duplicate).leaks
    leaks = tuple(leak for leak in leaks if not set(leak.splits) <= set(kept_out))
    given = [leak for leak in leaks if not set(leak.splits) & {*config.fractions, *kept_out}]
    tolerated = given if config.on_contamination == "drop_from_train" else []
    forbidden = [leak for leak in leaks if leak not in tolerated]
    if forbidden:
        some = "".join(f"\n  {leak}" for leak in forbidden[:10])
        raise PartystanceError(
            f"{config.name}: splits share {len(forbidden)} things; nothing was written{some}"
        )
    return dict(sorted(Counter(f"{leak.kind}: {', '.join(leak.splits)}" for leak in tolerated).items()))


def pair_rows(path: Path) -> list[Example]:
    """The rows of minimal pairs; pairs that are like each other are no leak."""
    return [row for pair in read_minimal_pairs(path) for row in pair.rows]


def write_card(config: DatasetConfig, facts: dict[str, Any]) -> None:
    """Fill the dataset card: front matter of the Hugging Face hub, and what a reader must know."""
    environment = Environment(
        loader=FileSystemLoader(CARD.parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    write_text(
        config.output / "README.md", environment.get_template(CARD.name).render(config=config, **facts)
    )


def print_summary(config: DatasetConfig, facts: dict[str, Any]) -> None:
    """Print class counts a split, what was dropped, and how good the rules are."""
    labels: dict[str, dict[str, int]] = facts["counts"]["label"]
    for split in labels[LABELS[0]]:
        print(f"{split:12}" + "".join(f"{label} {labels[label][split]:<7}" for label in LABELS))
    for reason, n in facts["dropped"].items():
        print(f"left out {n}: {reason}")
    for reason, n in facts["mended"].items():
        print(f"{n} {reason}")
    rules = facts["rules"]
    precision = ", ".join(f"{label} {value:.2f}" for label, value in rules["precision"].items())
    print(
        f"the rule labeller on {rules['rows']} hand-labelled rows: accuracy {rules['accuracy']:.3f}, "
        f"macro-F1 {rules['macro_f1']:.3f}, precision {precision}"
    )
    print(f"written: {config.output}")


if __name__ == "__main__":
    typer.run(main)
