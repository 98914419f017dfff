"""Test bootstrap intervals and permutation tests: agreement with scipy and plain code, coverage, false positives."""

import itertools

import numpy as np
import pytest
from count_factories import encode_windows
from factories import LABELS
from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import Counts, counts_of_score
from hearth.evaluation.metrics import compute_metrics, score_windows
from hearth.evaluation.score_document import HEADLINES, METRICS
from hearth.evaluation.table_rows import Row
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from score_factories import draw_gold, draw_predictions, make_measured_score


def draw_recognisers(seed=0, count=12, events=20, skills=(0.7,)):
    """Draw gold labels and, for each of `skills`, the labels that a recogniser of that skill predicts."""
    draw = np.random.default_rng(seed)
    gold = draw_gold(draw, count, events)
    return gold, [draw_predictions(draw, gold, skill) for skill in skills]


def draw_recogniser(*args, **options):
    gold, (predicted,) = draw_recognisers(*args, **options)
    return gold, predicted


def make_counts(gold, predicted, name="little", dataset="made-up"):
    return counts_of_score(make_measured_score(gold, predicted, name, dataset))


def score_sessions(gold, predicted, sessions):
    """Return the metrics of these sessions, of which one can occur several times; each session is one window."""
    answers = [predicted[session] for session in sessions]
    statuses = ["missing_events" if None in answer else "ok" for answer in answers]
    windows = encode_windows(LABELS, [gold[one] for one in sessions], answers, statuses)
    metrics = score_windows(windows, "strict", "recall")
    return metrics | metrics["readings"] | metrics["rates"]


def simulate_counts(draw, skills, gold=None):
    """Draw the counts of a recogniser; `skills` has the probability of a correct label for each session."""
    gold = draw.multinomial(12, [0.5, 0.3, 0.2], size=len(skills)) if gold is None else gold
    right = draw.binomial(gold, skills[:, None])
    # An event that is labelled wrongly gets one of three labels or none, all equally likely.
    guessed = draw.multinomial((gold - right).sum(axis=1), np.full(4, 0.25))
    # Every session is one window with status ok.
    rest = np.tile([1.0, 1.0, 0.0, 0.0, 0.0], (len(skills), 1))
    rest[:, 3] = guessed[:, 3]
    matrix = np.hstack([gold, right + guessed[:, :3], right, rest]).astype(float)
    return Counts("simulated", "made-up", tuple(map(str, range(len(skills)))), tuple(LABELS), matrix, "recall")


# Metrics from counts


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 8), st.floats(0, 1))
def test_counts_and_events_give_the_same_metrics(seed, count, events, skill):
    gold, predicted = draw_recogniser(seed, count, events, [skill])
    metrics = compute_metrics(make_counts(gold, predicted).matrix.sum(axis=0), "recall")
    expected = score_sessions(gold, predicted, list(gold))
    assert {name: float(metrics[name]) for name in METRICS} == pytest.approx({name: expected[name] for name in METRICS})


def test_a_resample_has_the_metrics_of_its_sessions():
    gold, predicted = draw_recogniser(count=6, events=5)
    counts = make_counts(gold, predicted)
    weights, values = bootstrap.group_weights("made-up", 6), statistics.resample(counts)
    for number in range(12):
        chosen = [name for name, times in zip(counts.groups, weights[number], strict=True) for _ in range(int(times))]
        expected = score_sessions(gold, predicted, chosen)
        for name in METRICS:
            assert values[name][number] == pytest.approx(expected[name]), name


# Intervals


def test_intervals_are_scipys_percentile_intervals_with_quantiles_of_the_t_distribution():
    gold, predicted = draw_recogniser(count=15)
    counts = make_counts(gold, predicted)
    ours = statistics.metric_intervals(counts)
    # Hesterberg (2015): the normal quantile that the bootstrap implies becomes that of t, times sqrt(n / (n - 1)).
    tail = stats.norm.cdf(stats.t.ppf(0.025, 14) * np.sqrt(15 / 14))
    for name in (*HEADLINES, "missing_rate"):

        def statistic(chosen, axis, name=name):
            return compute_metrics(counts.matrix[chosen].sum(axis=-2), "recall")[name]

        theirs = stats.bootstrap(
            (np.arange(15),),
            statistic,
            method="percentile",
            confidence_level=1 - 2 * tail,
            n_resamples=8000,
            rng=np.random.default_rng(5),
        ).confidence_interval
        assert ours[name] == pytest.approx(theirs, abs=0.015), name


def test_of_many_groups_the_interval_is_the_plain_percentile_interval():
    values = np.random.default_rng(1).normal(size=bootstrap.RESAMPLES)
    assert bootstrap.percentile_interval(values, 10**6) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=1e-3)
    widths = [np.ptp(bootstrap.percentile_interval(values, groups)) for groups in (6, 8, 10, 40)]
    assert widths == sorted(widths, reverse=True)


def test_few_groups_have_no_interval():
    values = np.random.default_rng(1).normal(size=bootstrap.RESAMPLES)
    assert bootstrap.percentile_interval(values, bootstrap.FEWEST_GROUPS)
    assert bootstrap.percentile_interval(values, bootstrap.FEWEST_GROUPS - 1) is None


@pytest.mark.parametrize("groups", [6, 14, 40, 1000])
def test_p_is_at_most_0_05_just_where_the_interval_lies_above_0(groups):
    draw = np.random.default_rng(groups)
    for shift in np.linspace(1, 4, 60):
        values = draw.normal(shift, size=bootstrap.RESAMPLES)
        low, _ = bootstrap.percentile_interval(values, groups)
        p = bootstrap.two_sided_p(values, groups)
        assert (p < 0.05) == (low > 0)


@pytest.mark.parametrize("groups", [6, 7, 10, 20, 1000])
@pytest.mark.parametrize("shift", [6, 100])
def test_p_beyond_all_resamples_is_the_smallest_that_groups_and_resamples_can_show(groups, shift):
    values = np.random.default_rng(1).normal(shift, size=bootstrap.RESAMPLES)
    assert values.min() > 0
    assert bootstrap.two_sided_p(values, groups) == max(2 / (bootstrap.RESAMPLES + 1), 2 / 2**groups)
    values[0] = -shift
    assert bootstrap.two_sided_p(values, groups) >= max(2 / (bootstrap.RESAMPLES + 1), 2 / 2**groups)


def test_the_fewest_groups_are_those_with_which_a_test_of_swapped_groups_can_reach_0_05():
    assert 2 / 2**bootstrap.FEWEST_GROUPS < 0.05 <= 2 / 2 ** (bootstrap.FEWEST_GROUPS - 1)


def test_p_is_large_where_the_number_is_below_0_and_undefined_where_the_interval_is():
    values = np.linspace(-2, -1, bootstrap.RESAMPLES)
    assert bootstrap.two_sided_p(values, 20) == 1
    assert bootstrap.two_sided_p(-values, bootstrap.FEWEST_GROUPS - 1) is None
    assert bootstrap.two_sided_p(-values, 1) is None
    assert bootstrap.two_sided_p(np.append(values, np.nan), 20) is None


def test_an_interval_holds_its_number_and_narrows_with_sessions():
    widths = []
    for count in (10, 160):
        gold, predicted = draw_recogniser(count=count)
        score = make_measured_score(gold, predicted)
        low, high = score["strict"]["intervals"]["weighted_f1"]
        assert low < score["strict"]["weighted_f1"] < high
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.5)


def test_a_single_session_has_no_interval_and_no_test():
    gold, (one, other) = draw_recognisers(count=1, skills=(0.9, 0.1))
    first, second = make_counts(gold, one), make_counts(gold, other)
    assert statistics.metric_intervals(first) == dict.fromkeys(METRICS)
    assert statistics.permutation_p([first], [second], "weighted_f1") is None


def test_equal_counts_give_equal_intervals_whatever_was_computed_before():
    gold, predicted = draw_recogniser()
    before = statistics.metric_intervals(make_counts(gold, predicted))
    bootstrap.group_weights.cache_clear()
    statistics.metric_intervals(make_counts(*draw_recogniser(3, 40)))
    assert statistics.metric_intervals(make_counts(gold, predicted)) == before


def clear_draws():
    for cached in (bootstrap.group_weights, statistics._kept_groups, statistics._kept_sums):
        cached.cache_clear()


def test_the_size_of_chunks_decides_no_interval_and_no_p_value(monkeypatch):
    gold, (one, other) = draw_recognisers(count=17, skills=(0.7, 0.6))
    first, second = make_counts(gold, one), make_counts(gold, other)

    def measure():
        clear_draws()
        return statistics.metric_intervals(first), statistics.permutation_p([first], [second], "accuracy")

    whole = measure()
    monkeypatch.setattr(bootstrap, "CHUNK", 50)
    assert measure() == whole
    clear_draws()


def test_recognisers_on_a_dataset_share_their_resamples_and_two_datasets_do_not():
    gold, predicted = draw_recogniser(count=40)
    one, alike, apart = (
        statistics.resample(make_counts(gold, predicted, *names))["accuracy"]
        for names in (["little"], ["large"], ["little", "second"])
    )
    assert bootstrap.percentile_interval(one - alike, 40) == [0.0, 0.0]
    assert abs(np.corrcoef(one, apart)[0, 1]) < 0.1


def test_intervals_cover_the_true_value_about_95_times_in_a_hundred():
    def experiment(seed, count):
        draw = np.random.default_rng([77, seed])
        return simulate_counts(draw, draw.beta(4, 2, count))

    true_values = compute_metrics(experiment(10**6, 10**5).matrix.sum(axis=0), "recall")
    bounds = [statistics.metric_intervals(experiment(seed, 40)) for seed in range(400)]
    for name in HEADLINES:
        covered = sum(low <= true_values[name] <= high for low, high in (intervals[name] for intervals in bounds))
        # The percentile interval of 40 sessions is a little too narrow, so a coverage of 0.93 is accepted.
        assert stats.binom.ppf(0.001, 400, 0.93) <= covered <= stats.binom.ppf(0.999, 400, 0.96), name


# Tests


def test_p_is_the_share_of_swaps_with_a_difference_at_least_as_large():
    gold, (one, other) = draw_recognisers(seed=4, count=5, events=6, skills=(0.8, 0.5))
    differences = []
    for swaps in itertools.product((False, True), repeat=5):
        swapped = dict(zip(gold, swaps, strict=True))
        mine = {name: other[name] if swapped[name] else one[name] for name in gold}
        theirs = {name: one[name] if swapped[name] else other[name] for name in gold}
        own, others = score_sessions(gold, mine, gold), score_sessions(gold, theirs, gold)
        differences.append([own[metric] - others[metric] for metric in HEADLINES])
    for metric, column in zip(HEADLINES, np.abs(differences).T, strict=True):
        expected = np.mean(column >= column[0] - 1e-9)
        assert statistics.permutation_p([make_counts(gold, one)], [make_counts(gold, other)], metric) == pytest.approx(
            expected
        )


def test_p_of_accuracy_equals_scipys_sign_flip_test_for_sessions_of_equal_size():
    gold, (one, other) = draw_recognisers(seed=2, count=10, skills=(0.75, 0.6))
    shares = [
        np.mean([a == g for a, g in zip(answers[s], gold[s], strict=True)]) for s in gold for answers in (one, other)
    ]
    differences = np.round(np.subtract(shares[::2], shares[1::2]), 9)
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=9999).pvalue
    ours = statistics.permutation_p([make_counts(gold, one)], [make_counts(gold, other)], "accuracy")
    assert ours == pytest.approx(theirs)


def test_p_of_a_sample_of_swaps_equals_scipys_with_the_same_seed():
    draw = np.random.default_rng(6)
    skills, gold = draw.beta(3, 2, 40), np.tile([4, 4, 4], (40, 1))
    one, other = (simulate_counts(draw, skills, gold) for _ in range(2))
    differences = (one.matrix - other.matrix)[:, 6:9].sum(axis=1)  # correct events of sessions of equal size
    theirs = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(bootstrap.SEED)
    ).pvalue
    assert 0.01 < theirs < 0.99
    assert statistics.permutation_p([one], [other], "accuracy") == theirs


def test_a_seeded_sample_of_swaps_is_tried_for_many_sessions():
    gold, (one, other) = draw_recognisers(count=30, skills=(0.9, 0.3))
    first, second = make_counts(gold, one), make_counts(gold, other)
    p = statistics.permutation_p([first], [second], "weighted_f1")
    assert p == statistics.permutation_p([first], [second], "weighted_f1")
    # No random swap of 9,999 gives a difference as large as the observed one, so p is (0 + 1) / (9,999 + 1) on each of
    # the two sides.
    assert p == pytest.approx(2e-4)


def test_a_planted_difference_is_detected():
    gold, (good, bad) = draw_recognisers(count=12, skills=(0.85, 0.6))
    first, second = make_counts(gold, good), make_counts(gold, bad)
    for metric in ("weighted_f1", "accuracy"):
        low, high = bootstrap.percentile_interval(
            statistics.resample(first)[metric] - statistics.resample(second)[metric], 12
        )
        assert 0.05 < low < 0.25 < high < 0.45
        assert statistics.permutation_p([first], [second], metric) < 0.01


def test_equal_predictions_have_p_1():
    gold, predicted = draw_recogniser()
    first, second = make_counts(gold, predicted), make_counts(gold, predicted)
    assert statistics.permutation_p([first], [second], "weighted_f1") == 1


def test_about_5_in_a_hundred_equally_skilled_pairs_are_significant():
    significant = []
    for seed in range(300):
        draw = np.random.default_rng([5, seed])
        # Both recognisers have the same skill in a session: it is equally hard for both.
        skills, gold = draw.beta(3, 2, 9), draw.multinomial(10, [0.5, 0.3, 0.2], size=9)
        one, other = (simulate_counts(draw, skills, gold) for _ in range(2))
        significant.append(statistics.permutation_p([one], [other], "weighted_f1") <= 0.05)
    assert stats.binom.ppf(0.001, 300, 0.04) <= sum(significant) <= stats.binom.ppf(0.999, 300, 0.05)


def test_all_seeds_of_a_student_are_swapped_together():
    gold, (base, one, other) = draw_recognisers(count=4, events=6, skills=(0.4, 0.7, 0.8))
    students, single = [make_counts(gold, one), make_counts(gold, other)], [make_counts(gold, base)]
    expected = []
    for swaps in itertools.product((False, True), repeat=4):
        swapped, parts = dict(zip(gold, swaps, strict=True)), []
        for student in (one, other):
            mine = {name: base[name] if swapped[name] else student[name] for name in gold}
            theirs = {name: student[name] if swapped[name] else base[name] for name in gold}
            parts.append(score_sessions(gold, mine, gold)["accuracy"] - score_sessions(gold, theirs, gold)["accuracy"])
        expected.append(np.mean(parts))
    share = np.mean(np.abs(expected) >= abs(expected[0]) - 1e-9)
    assert statistics.permutation_p(students, single, "accuracy") == pytest.approx(share)
    assert statistics.permutation_p(single, students, "accuracy") == pytest.approx(share)


@pytest.mark.parametrize("change", ["other sessions", "other gold", "another dataset"])
def test_recognisers_tested_on_different_data_are_not_compared(change):
    gold, predicted = draw_recogniser(count=3, events=3)
    other = dict(gold)
    if change == "other sessions":
        other["s009"] = other.pop("s000")
    if change == "other gold":
        other["s000"] = [LABELS[2 - LABELS.index(label)] if label != LABELS[1] else LABELS[0] for label in gold["s000"]]
    dataset = "second" if change == "another dataset" else "made-up"
    with pytest.raises(ValueError, match=r"little on made-up and large on .* were not scored on the same groups"):
        statistics.permutation_p(
            [make_counts(gold, predicted)], [make_counts(other, other, "large", dataset)], "accuracy"
        )


# Corrections for several tests, means over seeds


def test_holm_multiplies_by_the_remaining_tests():
    assert statistics.holm([0.01, None, 0.04, 0.03, 0.005]) == pytest.approx([0.03, None, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([None]) == [None]
    assert statistics.holm([]) == []


def test_the_mean_of_equal_seeds_has_the_resamples_of_one():
    gold, predicted = draw_recogniser()
    seeds = [make_counts(gold, predicted, name) for name in ("pupil", "pupil_seed1", "pupil_seed2")]
    pooled = statistics.resample_mean(seeds)["accuracy"]
    assert pooled == pytest.approx(statistics.resample(seeds[0])["accuracy"])


def test_the_spread_of_a_mean_over_seeds_covers_seeds_as_well_as_groups():
    draw = np.random.default_rng(3)
    gold = {f"s{number}": [LABELS[0]] * 400 for number in range(40)}
    skills = (0.5, 0.7, 0.9)
    seeds = [make_counts(gold, draw_predictions(draw, gold, skill), f"pupil_seed{skill}") for skill in skills]
    pooled = statistics.resample_mean(seeds)["accuracy"]
    of_groups = np.mean([statistics.resample(seed)["accuracy"] for seed in seeds], axis=0).std()
    # Groups hardly differ, so the spread is the standard error of a mean over three seeds.
    assert pooled.std() == pytest.approx(np.std(skills, ddof=1) / np.sqrt(3), rel=0.05)
    assert pooled.std() > 20 * of_groups
    assert pooled.mean() == pytest.approx(0.7, abs=0.01)


def test_of_training_seeds_that_sample_several_times_the_training_seeds_are_drawn():
    names = tuple(f"pupil{seed}{sample}" for seed in ("", "_seed1", "_seed2") for sample in ("", "_decode1"))
    weights = bootstrap.seed_weights(names)
    assert weights[:, ::2] == pytest.approx(weights[:, 1::2])
    assert 2 * weights[:, ::2] == pytest.approx(bootstrap.seed_weights(names[::2]))
    of_samples = bootstrap.seed_weights(("little", "little_decode1", "little_decode2"))
    assert of_samples.std(axis=0) == pytest.approx(np.full(3, np.sqrt(2 / 9 * 3 / 2 / 3)), rel=0.1)


def test_seeds_are_drawn_alike_on_all_datasets_and_independently_of_other_recognisers():
    names = ("pupil", "pupil_seed1")
    assert bootstrap.seed_weights(names).sum(axis=1) == pytest.approx(np.ones(bootstrap.RESAMPLES))
    assert (bootstrap.seed_weights(names) == bootstrap.seed_weights(names)).all()
    one, other = bootstrap.seed_weights(names)[:, 0], bootstrap.seed_weights(("other", "other_seed1"))[:, 0]
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1


def test_the_interval_of_a_share_stays_within_0_and_1_where_weights_of_seeds_are_negative():
    weights = bootstrap.seed_weights(("pupil", "pupil_seed1", "pupil_seed2"))
    for shares in ([0.0, 0.0, 0.06], [1.0, 1.0, 0.94]):
        resampled = weights @ shares
        wide, within = (make(resampled, 20) for make in (bootstrap.percentile_interval, bootstrap.share_interval))
        assert wide[0] < 0 or wide[1] > 1
        assert within == [max(wide[0], 0), min(wide[1], 1)]
    assert bootstrap.share_interval(resampled, 1) is None


def test_intervals_of_a_row_of_several_seeds_stay_within_0_and_1():
    gold = {f"s{number:02}": [LABELS[0]] * 10 for number in range(12)}
    silent = {name: [*labels[:9], None] for name, labels in gold.items()}
    scores = [make_measured_score(gold, each, f"pupil_seed{seed}") for seed, each in enumerate((gold, gold, silent))]
    row = Row("pupil", tuple(scores))
    assert row.resampled["strict"]["missing_rate"].min() < 0 < 1 < row.resampled["strict"]["ok_rate"].max()
    for metric in METRICS:
        low, high = row.interval(metric)
        assert 0 <= low <= row.mean(metric) <= high <= 1, metric


def test_mean_and_sample_deviation():
    assert statistics.mean_and_deviation([1.0, 2.0, 4.0]) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1)))
    assert statistics.mean_and_deviation([0.5]) == (0.5, None)
