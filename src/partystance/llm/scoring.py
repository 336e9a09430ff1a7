"""How well a model's labels agree with labels that are trusted: to be read before its labels are used."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sklearn.metrics import cohen_kappa_score

from partystance.llm.annotating import Labelled
from partystance.llm.questions import Answer
from partystance.metrics import METRICS, Estimate, class_indices, estimates, group_matrices, per_class
from partystance.schema import Example, Stance


@dataclass(frozen=True, slots=True)
class Scores:
    """Agreement of one annotator with the rows' labels, intervals clustered by article.

    `kappa` is Cohen's, NaN where both gave one and the same label throughout. `holders` of the `polar` rows
    on whose label both agree have the same holder, too. `disagreements` are the rows with differing labels.
    """

    n: int
    overall: Mapping[str, Estimate]
    kappa: float
    classes: Mapping[str, Mapping[str, Estimate]]
    polar: int
    holders: int
    disagreements: Sequence[tuple[Example, Answer]]

    def to_json(self) -> dict[str, Any]:
        """Return the scores as JSON values, disagreements with the model's reason but no sentence."""
        return {
            "n": self.n,
            **{name: asdict(estimate) for name, estimate in self.overall.items()},
            "kappa": None if math.isnan(self.kappa) else self.kappa,
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
    constant = len({*true.tolist(), *said.tolist()}) == 1
    return Scores(
        n=len(pairs),
        overall=estimates(METRICS, group_matrices(true, said, groups), len(pairs)),
        kappa=math.nan if constant else float(cohen_kappa_score(true, said)),
        classes=per_class(true, said, groups),
        polar=len(polar),
        holders=sum(row.holder == answer.holder for row, answer in polar),
        disagreements=[(row, answer) for row, answer in pairs if row.label != answer.label],
    )


def score_table(scores: Scores) -> str:
    """Return the scores as text for a terminal."""
    lines = [f"agreement on {scores.n} rows (95 % intervals, by article)"]
    for name in ("accuracy", "macro_f1"):
        lines.append(f"  {name.replace('_', '-'):<10}{_shown(scores.overall[name])}")
    kappa = "no variety" if math.isnan(scores.kappa) else f"{scores.kappa:.2f}"
    lines.append(f"  {'kappa':<10}{kappa}")
    lines.append(f"  {'label':<10}{'n':>5}{'precision':>11}{'recall':>8}{'F1':>7}")
    for label, row in scores.classes.items():
        values = [100 * row[name].value for name in ("precision", "recall", "f1")]
        lines.append(f"  {label:<10}{row['f1'].n:>5}{values[0]:>11.1f}{values[1]:>8.1f}{values[2]:>7.1f}")
    lines.append(f"  holder: the same in {scores.holders} of {scores.polar} rows that share a polar label")
    return "\n".join(lines)


def _shown(estimate: Estimate) -> str:
    value = f"{100 * estimate.value:.1f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value}  [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
