"""The names of all figures, without importing matplotlib: the Snakefile reads them."""

from typing import Literal, get_args

ScoreFigure = Literal[
    "f1_by_size",
    "f1_by_budget",
    "failures",
    "confusion",
    "transfer",
    "held_out_homes",
    "forgetting",
    "learning_curve",
    "calibration",
    "recipes_by_tokens",
]
# These figures need the cost table too. It differs from run to run, so the report does not show them.
CostFigure = Literal["cost_f1"]
SCORE_FIGURES: tuple[ScoreFigure, ...] = get_args(ScoreFigure)
COST_FIGURES: tuple[CostFigure, ...] = get_args(CostFigure)

Format = Literal["svg", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)
