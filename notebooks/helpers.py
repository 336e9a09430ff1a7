"""What both notebooks share: where to write, how to run a recipe, and how to show sentences and counts.

Nothing is written outside `working_folder()`: set `PARTYSTANCE_NOTEBOOKS` to keep what a notebook makes.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from partystance.errors import PartystanceError
from partystance.report.evaluation import pieces
from partystance.schema import Example

ROOT = Path(__file__).parents[1]

COLOURS = {"support": "#1f5fa8", "neutral": "#7b848c", "criticize": "#d9680f"}
"""Blue, grey, orange: told apart with any kind of colour vision, and in print."""

_MARK = Markup('<mark style="background:{0}33; color:inherit; border-bottom:2px solid {0}">{1}</mark>')
_CELL = Markup('<td style="text-align:left; vertical-align:top; max-width:42em; white-space:normal">{}</td>')
_HEAD = Markup('<th style="text-align:left">{}</th>')

warnings.filterwarnings("ignore", message="IProgress not found")  # widgets that nothing here shows

STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "font.size": 9,
}
plt.rcParams.update(STYLE)


def working_folder() -> Path:
    """The folder of `PARTYSTANCE_NOTEBOOKS`, or else a new temporary one."""
    folder = Path(os.environ.get("PARTYSTANCE_NOTEBOOKS") or tempfile.mkdtemp(prefix="partystance-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def recipe(*arguments: object) -> str:
    """Run a recipe from the repository's root, as in a terminal, and return what it prints.

    Raises:
        PartystanceError: it failed; with all that it said.
    """
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise PartystanceError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def marked(row: Example, label: str) -> Markup:
    """The sentence as HTML, escaped, its party highlighted in the colour of a label."""
    shown = (_MARK.format(COLOURS[label], text) if own else escape(text) for text, own in pieces(row))
    return Markup().join(shown)


def table(rows: Sequence[Mapping[str, Any]]) -> HTML:
    """Rows with the same keys as a table. What is not `Markup` is text, and escaped."""
    if not rows:
        return HTML("<p>none</p>")
    lines = [Markup().join(_HEAD.format(name) for name in rows[0])]
    lines += [Markup().join(_CELL.format(value) for value in row.values()) for row in rows]
    return HTML(f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>")


def heatmap(
    axis: Axes, counts: NDArray[Any], rows: Sequence[str], columns: Sequence[str], colour: str
) -> None:
    """Draw a matrix of counts, with the numbers that are not 0; darker is more."""
    shades = LinearSegmentedColormap.from_list("counts", ["#ffffff", colour])
    axis.imshow(counts, cmap=shades, vmin=0, vmax=max(counts.max(), 1), aspect="auto")
    for (i, j), n in np.ndenumerate(counts):
        if n:
            ink = "white" if n > 0.6 * counts.max() else "black"
            axis.text(j, i, f"{n:g}", ha="center", va="center", color=ink)
    axis.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
