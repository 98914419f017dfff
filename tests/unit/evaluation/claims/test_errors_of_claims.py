"""Test how often claims are decided wrongly, on simulated runs whose truth is planted.

`make bench-claims` measures the shares themselves, with many more runs; docs/statistics.md shows them.
"""

from collections import Counter
from functools import cache

import pytest
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD
from planted_claims import PLANTED, Planted
from scipy import stats

GROUPS = 20
RUNS, POWERED = 40, 8
# An interval of 95 % is exceeded on either side in 2.5 % of the runs; with 20 groups it is a little too narrow.
LEVEL = 0.045

_AT_THE_BORDER = [planted for planted in PLANTED if planted.truth == "border"]
_BEYOND = [planted for planted in PLANTED if planted.truth != "border"]


@cache
def count_verdicts(planted: Planted, runs: int) -> Counter[str]:
    return Counter(planted.decide(seed, GROUPS).verdict for seed in range(1000, 1000 + runs))


@pytest.mark.parametrize("planted", _AT_THE_BORDER, ids=lambda planted: planted.name)
def test_at_the_border_few_runs_decide_either_way(planted):
    verdicts = count_verdicts(planted, RUNS)
    most = stats.binom.ppf(0.999, RUNS, LEVEL)
    assert verdicts[HELD] <= most
    assert verdicts[NOT_HELD] <= most


@pytest.mark.parametrize("verdict", [HELD, NOT_HELD])
def test_at_the_border_errors_of_all_claims_together_are_near_their_level(verdict):
    errors = sum(count_verdicts(planted, RUNS)[verdict] for planted in _AT_THE_BORDER)
    assert errors <= stats.binom.ppf(0.999, RUNS * len(_AT_THE_BORDER), LEVEL)


@pytest.mark.parametrize("planted", _BEYOND, ids=lambda planted: planted.name)
def test_a_planted_effect_is_never_taken_for_its_opposite_and_often_found(planted):
    right, wrong = (HELD, NOT_HELD) if planted.truth == "true" else (NOT_HELD, HELD)
    verdicts = count_verdicts(planted, POWERED)
    assert not verdicts[wrong]
    # A student as good as its teacher, and a last step of 0, lie just 0.05 within their margins.
    assert verdicts[right] >= (1 if planted.name in ("last step of 0", "as good as the teacher") else POWERED // 2)
