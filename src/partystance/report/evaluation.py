"""What an evaluation found, for a terminal (`text_table`) and for a browser (`evaluation_page`)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from partystance.console import aligned
from partystance.metrics import MIN_PARTY_ROWS, Estimate
from partystance.report.pages import page_environment
from partystance.schema import LABELS, Example, Prediction

TITLES = {
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "polar_f1": "polar F1",
    "average_recall": "average recall",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
"""How the scores of `metrics.summary` are called where people read them."""

SHOWN_ERRORS = 20
SHOWN_PARTIES = 30
"""Parties on the page; the rest is in `metrics.json`."""


def text_table(
    systems: Mapping[str, Mapping[str, Estimate]], differences: Mapping[str, Estimate] | None = None
) -> str:
    """Return a plain table, a line a system.

    Args:
        systems: `metrics.summary` by name of the system.
        differences: macro-F1 of the first system minus that of each other one, by name; None for no column.
    """
    names = ["macro_f1", "accuracy", "polar_f1", "average_recall"]
    lines = [["", *(TITLES[name] for name in names)]]
    for system, scores in systems.items():
        plain = [f"{scores[name].value:.3f}" for name in names[1:]]
        lines.append([system, with_interval(scores["macro_f1"]), *plain])
    if differences:
        lines[0].append(f"macro-F1 of {next(iter(systems))} minus it")
        for line in lines[1:]:
            line.append(with_interval(differences[line[0]], "+") if line[0] in differences else "")
    return aligned(lines)


def with_interval(estimate: Estimate, sign: str = "") -> str:
    """Return `0.812 [0.770, 0.849]`, or the value alone where there is no interval."""
    value = f"{estimate.value:{sign}.3f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def evaluation_page(
    results: Mapping[str, Any], examples: Sequence[Example], predictions: Sequence[Prediction]
) -> str:
    """Return a self-contained HTML page; every text in it is escaped, and it loads nothing.

    Args:
        results: what `train/evaluate_model.py` writes to `metrics.json`; its first system is ours.
        examples: the rows, with their gold labels.
        predictions: ours, in the same order.
    """
    parties = list(results["parties"].items())
    return (
        page_environment()
        .get_template("evaluation.html")
        .render(
            results=results,
            ours=results["systems"][0],
            labels=LABELS,
            titles=TITLES,
            parties=parties[:SHOWN_PARTIES],
            min_party_rows=MIN_PARTY_ROWS,
            other_parties=len(parties[SHOWN_PARTIES:]),
            errors=_confident_errors(examples, predictions),
        )
    )


def _confident_errors(examples: Sequence[Example], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """The errors with the highest probability, the highest first."""
    wrong = [
        {
            "party": example.party,
            "pieces": list(pieces(example)),
            "gold": example.label,
            "predicted": prediction.label,
            "probability": max(prediction.probabilities),
            "source": " · ".join(filter(None, (example.outlet, example.date, example.id))),
        }
        for example, prediction in zip(examples, predictions, strict=True)
        if example.label != prediction.label
    ]
    return sorted(wrong, key=lambda error: -error["probability"])[:SHOWN_ERRORS]


def pieces(example: Example) -> Iterator[tuple[str, bool]]:
    """Yield the sentence in pieces, each with whether it is a mention of the party."""
    position = 0
    for mention in sorted(example.mentions, key=lambda mention: mention.start):
        if mention.start < position:
            continue
        yield example.text[position : mention.start], False
        yield mention.surface, True
        position = mention.end
    yield example.text[position:], False
