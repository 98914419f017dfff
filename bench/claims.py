"""Measure how often intervals contain the true value and claims are decided wrongly (`make bench-claims`).

All scores are simulated (`tests/unit/simulated_scores.py`), so that the truth is known, and pass through the code that
decides on real ones. "coverage" compares kinds of bootstrap intervals by number of groups; "seeds" covers means over
three training seeds; "claims" counts verdicts by planted truth. Results are written into bench/claims.json; results of
"coverage" and "claims" that a run does not measure stay.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from common import benchmark_parser, write_report
from hearth.evaluation.bootstrap import CONFIDENCE, RESAMPLES, group_weights, percentile_interval, seed_weights
from hearth.evaluation.metrics import compute_metrics
from planted_claims import PLANTED
from scipy import stats
from simulated_scores import draw_counts, draw_gold, draw_hardness, skill_for, true_metrics

COVERED_GROUPS, DECIDED_GROUPS = (6, 10, 14, 20, 40), (7, 20, 40)
METRICS = ("accuracy", "weighted_f1", "macro_f1")
# Two recognisers whose difference is covered too, by true weighted F1.
PAIR = (0.6, 0.5)
INNER_RESAMPLES = 200
# Means over three seeds: number of groups, standard error from groups, standard deviation of seeds.
SEED_SPREADS = ((15, 0.03, 0.02), (15, 0.03, 0.06), (15, 0.02, 0.06), (40, 0.01, 0.06), (20, 0.001, 0.06))
TAIL = (1 - CONFIDENCE) / 2


def measure(counts: np.ndarray) -> np.ndarray:
    """Return the metrics of the first recogniser and the difference in weighted F1: an array (quantities, ...)."""
    one, other = (compute_metrics(part, "recall") for part in np.split(counts, 2, axis=-1))
    return np.stack([*(one[name] for name in METRICS), one["weighted_f1"] - other["weighted_f1"]])


def left_out(counts: np.ndarray) -> np.ndarray:
    """Return the metrics without each group in turn: (quantities, ..., groups)."""
    return measure(counts.sum(axis=-2, keepdims=True) - counts)


def deviations(counts: np.ndarray) -> np.ndarray:
    """Return the standard errors of the metrics by the jackknife: (quantities, ...)."""
    values, groups = left_out(counts), counts.shape[-2]
    return np.sqrt((groups - 1) / groups * ((values - values.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1))


def intervals(counts: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Return each kind of interval of each quantity: a dict to arrays (quantities, 2). `counts` are those of groups."""
    groups = len(counts)
    value, deviation = measure(counts.sum(axis=0)), deviations(counts)
    resamples = measure(draw.multinomial(groups, np.full(groups, 1 / groups), RESAMPLES) @ counts)
    outer = stats.t.ppf(1 - TAIL, groups - 1)
    found = {
        "percentile": np.quantile(resamples, [TAIL, 1 - TAIL], axis=-1).T,
        "expanded percentile": np.array([percentile_interval(values, groups) for values in resamples]),
        "basic": (2 * value - np.quantile(resamples, [1 - TAIL, TAIL], axis=-1)).T,
        "BCa": bca(value, resamples, left_out(counts)),
        "jackknife t": np.stack([value - outer * deviation, value + outer * deviation], axis=1),
    }
    chosen = draw.integers(0, groups, (INNER_RESAMPLES, groups))
    inner = counts[chosen]
    spread = np.maximum(deviations(inner), 1e-9)
    pivots = (measure(inner.sum(axis=1)) - value[:, None]) / spread
    found["studentised"] = (value - np.quantile(pivots, [1 - TAIL, TAIL], axis=-1) * deviation).T
    return found


def bca(value: np.ndarray, resamples: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Return bias-corrected and accelerated intervals (Efron, 1987): (quantities, 2)."""
    below = np.clip((resamples < value[:, None]).mean(axis=-1), 1 / RESAMPLES, 1 - 1 / RESAMPLES)
    bias = stats.norm.ppf(below)
    skewed = without.mean(axis=-1, keepdims=True) - without
    scale = np.maximum((skewed**2).sum(axis=-1), 1e-18)
    acceleration = (skewed**3).sum(axis=-1) / (6 * scale**1.5)
    bounds = bias[:, None] + stats.norm.ppf([TAIL, 1 - TAIL])
    levels = stats.norm.cdf(bias[:, None] + bounds / (1 - acceleration[:, None] * bounds))
    return np.array([np.quantile(values, level) for values, level in zip(resamples, levels, strict=True)])


def cover(groups: int, replications: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return, by kind of interval and quantity, the share of intervals with the true value, and their mean width."""
    skills = [skill_for(f1) for f1 in PAIR]
    one, other = map(true_metrics, skills)
    truth = np.array([*(one[name] for name in METRICS), one["weighted_f1"] - other["weighted_f1"]])
    found: dict[str, list[np.ndarray]] = {}
    for seed in range(replications):
        draw = np.random.default_rng([1, groups, seed])
        gold, hardness = draw_gold(draw, groups), draw_hardness(draw, groups)
        tested = [draw_counts(draw, gold, hardness, skill) for skill in skills]
        used = np.concatenate([np.tile(gold.any(axis=0), 3), np.ones(5, bool)])
        counts = np.hstack([part[:, used] for part in tested]).astype(float)
        for kind, bounds in intervals(counts, draw).items():
            found.setdefault(kind, []).append(bounds)
    report: dict[str, dict[str, dict[str, float]]] = {}
    for kind, bounds in found.items():
        low, high = np.moveaxis(np.stack(bounds), -1, 0)
        covered, width = ((low <= truth) & (truth <= high)).mean(axis=0), (high - low).mean(axis=0)
        report[kind] = {
            name: {"coverage": round(float(covered[place]), 3), "width": round(float(width[place]), 3)}
            for place, name in enumerate((*METRICS, "difference of weighted_f1"))
        }
    return report


def cover_seeds(groups: int, error: float, spread: float, replications: int) -> dict[str, float]:
    """Return the share of intervals of a mean over three seeds that contain the true value, for normal effects."""
    draw, covered = np.random.default_rng([2, groups]), 0
    for run in range(replications):
        of_groups = draw.normal(0, error * np.sqrt(groups), groups)
        of_seeds = draw.normal(0, spread, 3)
        resampled = group_weights(f"run{run}", groups) @ of_groups / groups
        resampled += seed_weights(tuple(f"run{run}_seed{seed}" for seed in range(3))) @ of_seeds
        low, high = percentile_interval(resampled, groups) or (np.nan, np.nan)
        covered += low <= 0 <= high
    return {"groups": groups, "error": error, "spread": spread, "coverage": round(covered / replications, 3)}


def decide(groups: int, at_border: int, powered: int) -> list[dict[str, Any]]:
    """Return the share of each verdict by planted truth; the truth is at the claim's border `at_border` times."""
    rows = []
    for planted in PLANTED:
        count = at_border if planted.truth == "border" else powered
        verdicts = Counter(planted.decide(seed, groups).verdict for seed in range(count))
        shares = {verdict: round(number / count, 4) for verdict, number in sorted(verdicts.items())}
        rows.append(
            {"claim": planted.claim.name, "truth": planted.truth, "planted": planted.name, "of": count} | shares
        )
        print(groups, rows[-1], flush=True)
    return rows


def known(path: Path) -> dict[str, dict[str, Any]]:
    """Return the results of earlier runs."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"coverage": {}, "claims": {}}


def main() -> None:
    """Measure coverage and decisions for the chosen numbers of groups, and update the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--coverage", nargs="*", type=int, default=COVERED_GROUPS, help="numbers of groups")
    parser.add_argument("--claims", nargs="*", type=int, default=DECIDED_GROUPS, help="numbers of groups")
    parser.add_argument("--covered", type=int, default=300, help="test sets whose intervals are looked at")
    parser.add_argument("--seed-runs", type=int, default=1000, help="means over seeds whose intervals are looked at")
    parser.add_argument("--at-border", type=int, default=200, help="runs in which the truth is at a claim's border")
    parser.add_argument("--powered", type=int, default=40, help="runs of each planted effect")
    arguments = parser.parse_args()
    report = known(arguments.out)
    seeds = [cover_seeds(*spread, arguments.seed_runs) for spread in SEED_SPREADS]
    for groups in arguments.coverage:
        report["coverage"][str(groups)] = cover(groups, arguments.covered)
    for groups in arguments.claims:
        report["claims"][str(groups)] = decide(groups, arguments.at_border, arguments.powered)
    parts = {name: _by_number(report[name].items()) for name in ("coverage", "claims")}
    write_report(arguments.out, parts | {"seeds": seeds})


def _by_number(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return dict(sorted(items, key=lambda item: int(item[0])))


if __name__ == "__main__":
    main()
