"""Test the figures of homes left out and of what students forget on them."""

import pytest
from factories import TRAINING_LOG
from hearth.evaluation.figures import drawing, forgetting, held_out_homes
from hearth.evaluation.figures.held_out_homes import MARKERS
from hearth.evaluation.held_out_homes import MEAN
from held_out_factories import HOMES, make_scores

SIX_HOMES = [f"home{number}" for number in range(6)]


def sized(scores, **changes):
    """Return the scores with a known number of parameters."""
    return [score | {"parameters": 10**6} | changes for score in scores]


def values_by_marker(axes):
    """Return, for each kind of marker, its values from top to bottom."""
    shapes = {style["marker"]: learned for learned, style in MARKERS.items()}
    drawn = {learned: [] for learned in MARKERS}
    for line in axes.lines:
        if line.get_marker() in shapes:
            drawn[shapes[line.get_marker()]].append((line.get_ydata()[0], line.get_xdata()[0]))
    return {learned: [value for _, value in sorted(points)] for learned, points in drawn.items()}


def test_each_home_has_a_marker_for_the_homes_learned_from_and_a_mean_follows():
    scores = sized(make_scores(seeds=(0, 1)))
    (axes,) = held_out_homes.draw(scores).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [*HOMES, MEAN]
    value = {(score["recogniser"], score["dataset"]): score["strict"]["weighted_f1"] for score in scores}
    drawn = values_by_marker(axes)
    assert drawn["none"][:-1] == [value["little", home] for home in HOMES]
    both = [[value[f"little_reasoning_{home}{seed}", home] for seed in ("", "_seed1")] for home in HOMES]
    assert drawn["own"][:-1] == pytest.approx([sum(seeds) / 2 for seeds in both])
    assert all(len(values) == len(HOMES) + 1 for values in drawn.values())
    assert drawn["others"][-1] == pytest.approx(sum(drawn["others"][:-1]) / len(HOMES))


def intervals(axes, line):
    """Return the number of intervals around the markers of a line, counted from above."""
    drawn = [one for one in axes.lines if len(one.get_xdata()) == 2 and abs(one.get_ydata()[0] - line) < 0.5]
    return len([one for one in drawn if one.get_ydata()[0] == one.get_ydata()[1] and list(one.get_xdata()) != [0, 1]])


def test_a_mean_has_an_interval_over_homes_if_there_are_enough_homes():
    (few,) = held_out_homes.draw(sized(make_scores())).axes
    assert (intervals(few, 0), intervals(few, len(HOMES))) == (4, 0)
    (many,) = held_out_homes.draw(sized(make_scores(SIX_HOMES))).axes
    assert (intervals(many, 0), intervals(many, len(SIX_HOMES))) == (4, 4)


def test_of_several_sets_of_other_homes_the_largest_is_drawn():
    scores = sized(make_scores(SIX_HOMES[:4]))
    pair = [
        score | {"recogniser": "little_reasoning_pair", "train_dataset": "pair", "train_datasets": SIX_HOMES[:2]}
        for score in scores
        if score["recogniser"] == "little_reasoning_home3"
    ]
    (axes,) = held_out_homes.draw([*pair, *scores]).axes
    (same,) = held_out_homes.draw(scores).axes
    assert values_by_marker(axes) == values_by_marker(same)


def trained(scores, part="", **settings):
    """Return the students of these scores with other settings, which their names and variants say."""
    return [
        score
        | {"recogniser": score["recogniser"].replace("_reasoning", f"_reasoning{part and '-'}{part}"), "variant": part}
        | settings
        for score in scores
        if score["kind"] == "student"
    ]


def curve_points(axes, marker="D"):
    (line,) = [line for line in axes.lines if line.get_marker() == marker and line.get_markersize() == 5]
    return line.get_ydata().tolist()


def test_each_setting_that_alone_differs_has_a_panel():
    usual = {"learning_rate": 0.001, "rank": 8, "balance": "size", "replay": 0}
    scores = make_scores()
    bases = [score for score in scores if score["kind"] == "base"]
    variants = [
        *trained(scores, **usual),
        *trained(scores, "lr1e-05", **usual | {"learning_rate": 1e-05}),
        *trained(scores, "replay0.25", **usual | {"replay": 0.25}),
    ]
    figure = forgetting.draw([*bases, *variants])
    labels = [[label.get_text().split("\n") for label in axes.get_xticklabels()] for axes in figure.axes]
    shown = [
        (axes.get_xlabel(), [value for value, _ in ticks]) for axes, ticks in zip(figure.axes, labels, strict=True)
    ]
    traces = {text for ticks in labels for _, text in ticks}
    assert traces == {f"{TRAINING_LOG['examples']['used']} traces"}
    # Students of one home and of two have a panel each, and so has the number of homes in each of three settings.
    assert shown.count(("learning rate", ["1e-05", "0.001"])) == 2
    assert shown.count(("share of replayed traces", ["0", "0.25"])) == 2
    assert shown.count(("number of homes learned from", ["1", "2"])) == 3
    assert len(shown) == 7
    titles = [axes.get_title().split("\n")[1] for axes in figure.axes]
    assert titles[:2] == ["rank 8, 1 home", "rank 8, 2 homes"]


def test_a_point_is_the_mean_over_homes_of_the_difference_to_the_base():
    scores = make_scores(skills={"none": 0.6, "own": 0.8, "others": 0.3, "all": 0.7})
    value = {(score["recogniser"], score["dataset"]): score["strict"]["weighted_f1"] for score in scores}
    (axes,) = forgetting.draw(scores).axes
    of_pairs = [value[f"little_reasoning_all-but-{home}", home] - value["little", home] for home in HOMES]
    points = curve_points(axes)
    assert points[1] == pytest.approx(sum(of_pairs) / len(HOMES))
    assert all(point < -0.1 for point in points)
    drawn = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(drawn) == len(HOMES)
    assert sorted(line.get_ydata()[1] for line in drawn) == pytest.approx(sorted(of_pairs))


def test_homes_without_all_values_are_on_no_curve_with_the_others():
    settings = {"learning_rate": 0.001}
    scores = make_scores()
    bases = [score for score in scores if score["kind"] == "base"]
    single = [score for score in trained(scores, **settings) if len(score["train_datasets"]) == 1]
    faster = [score for score in trained(scores, "lr0.01", learning_rate=0.01) if score["train_datasets"] == [HOMES[0]]]
    (axes,) = forgetting.draw([*bases, *single, *faster]).axes
    value = {(score["recogniser"], score["dataset"]): score["strict"]["weighted_f1"] for score in scores}
    first = HOMES[0]
    expected = [value[f"little_reasoning_{first}", home] - value["little", home] for home in HOMES[1:]]
    assert curve_points(axes)[0] == pytest.approx(sum(expected) / 2)


def test_many_homes_share_a_colour_and_few_have_a_name_in_the_legend():
    names = [text.get_text() for text in forgetting.draw(make_scores()).legends[0].get_texts()]
    assert (names[0], set(names[1:])) == ("mean over homes", set(HOMES))
    many = forgetting.draw(make_scores([*SIX_HOMES, "home6"], groups=3))
    names = [text.get_text() for text in many.legends[0].get_texts()]
    assert names == ["mean over homes", "one of the homes tested on"]


def test_stand_ins_are_named():
    scores = sized(make_scores())
    for score in scores:
        score["provenance"] |= {"stand_in": "tiny", "simulated": ["flat"]}
    for drawn in (held_out_homes.draw(scores), forgetting.draw(scores)):
        with drawing.mpl.rc_context():
            texts = " ".join(text.get_text() for text in drawn.findobj(drawing.mpl.text.Text))
        assert "flat (simulated home)" in texts
        assert "Tiny models, not real ones" in texts


def test_unequal_numbers_of_traces_are_shown_below_the_values():
    scores = make_scores()
    examples = TRAINING_LOG["examples"] | {"used": 7}
    for score in scores:
        if score["recogniser"] == f"little_reasoning_{HOMES[0]}":
            log = score["provenance"]["student"] | {"examples": examples}
            score["provenance"] = score["provenance"] | {"student": log}
    (axes,) = forgetting.draw(scores).axes
    used = TRAINING_LOG["examples"]["used"]
    low, high = sorted((7, used))
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"1\n{low}-{high} traces", f"2\n{used} traces"]


def test_a_home_on_which_only_the_base_was_tested_does_not_hide_the_others():
    scores = sized(make_scores())
    extra = [score for score in sized(make_scores([*HOMES, "visited"])) if score["kind"] == "base"][-1:]
    (axes,) = held_out_homes.draw([*scores, *extra]).axes
    (same,) = held_out_homes.draw(scores).axes
    assert values_by_marker(axes) == values_by_marker(same)
