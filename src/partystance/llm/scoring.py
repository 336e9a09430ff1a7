"""How well a model's labels agree with labels that are trusted: to be read before its labels are used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from partystance.agreement import cohen_kappa
from partystance.llm.annotating import Labelled
from partystance.llm.questions import Answer
from partystance.metrics import (
    Estimate,
    Metric,
    accuracy,
    class_indices,
    estimates,
    group_matrices,
    macro_f1,
    per_class,
)
from partystance.schema import Example, Stance

_OVERALL: Mapping[str, Metric] = {"accuracy": accuracy, "macro_f1": macro_f1, "kappa": cohen_kappa}


@dataclass(frozen=True, slots=True)
class Scores:
    """Agreement of one annotator with the rows' labels, intervals clustered by article.

    `holders` of the `polar` rows on whose label both agree have the same holder, too. `disagreements` are the
    rows with differing labels.
    """

    n: int
    overall: Mapping[str, Estimate]
    classes: Mapping[str, Mapping[str, Estimate]]
    polar: int
    holders: int
    disagreements: Sequence[tuple[Example, Answer]]

    def to_json(self) -> dict[str, Any]:
        """Return the scores as JSON values, disagreements with the model's reason but no sentence."""
        return {
            "n": self.n,
            **{name: asdict(estimate) for name, estimate in self.overall.items()},
            "classes": {
                label: {name: asdict(estimate) for name, estimate in scores.items()}
                for label, scores in self.classes.items()
            },
            "holders": {"n": self.polar, "same": self.holders},
            "disagreements": [
                {"id": row.id, "label": row.label, "said": answer.model_dump(mode="json")}
                for row, answer in self.disagreements
            ],
        }


def score(outcome: Iterable[Labelled], sources: Sequence[str]) -> Scores | None:
    """Score a model's answers on the rows whose label is from one of `sources`; None where there are none."""
    pairs = [(row, answer) for row, answer in outcome if answer and row.label and row.label_source in sources]
    if not pairs:
        return None
    true = class_indices(row.label for row, _ in pairs)
    said = class_indices(answer.label for _, answer in pairs)
    groups = [row.group or row.doc_id or row.id for row, _ in pairs]
    polar = [(row, answer) for row, answer in pairs if row.label == answer.label != Stance.NEUTRAL]
    return Scores(
        n=len(pairs),
        overall=estimates(_OVERALL, group_matrices(true, said, groups), len(pairs)),
        classes=per_class(true, said, groups),
        polar=len(polar),
        holders=sum(row.holder == answer.holder for row, answer in polar),
        disagreements=[(row, answer) for row, answer in pairs if row.label != answer.label],
    )


def score_table(scores: Scores) -> str:
    """Return the scores as text for a terminal."""
    intervals = " [95 % intervals, by article]" if scores.overall["kappa"].low is not None else ""
    lines = [f"agreement on {scores.n} rows{intervals}"]
    lines.append(f"  accuracy  {_shown(scores.overall['accuracy'], 100, 1)}")
    lines.append(f"  macro-F1  {_shown(scores.overall['macro_f1'], 100, 1)}")
    lines.append(f"  kappa     {_shown(scores.overall['kappa'], 1, 2)}")
    lines.append(f"  {'label':<10}{'n':>5}{'precision':>11}{'recall':>8}{'F1':>7}")
    for label, row in scores.classes.items():
        values = [100 * row[name].value for name in ("precision", "recall", "f1")]
        lines.append(f"  {label:<10}{row['f1'].n:>5}{values[0]:>11.1f}{values[1]:>8.1f}{values[2]:>7.1f}")
    lines.append(f"  holder: the same in {scores.holders} of {scores.polar} rows that share a polar label")
    return "\n".join(lines)


def _shown(estimate: Estimate, scale: int, digits: int) -> str:
    value = f"{scale * estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value}  [{scale * estimate.low:.{digits}f}, {scale * estimate.high:.{digits}f}]"
