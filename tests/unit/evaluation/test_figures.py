"""Test the figures: what they show, and that equal scores give equal bytes, for any names, models and homes."""

import re
import xml.etree.ElementTree as ElementTree
from functools import cache

import figure
import matplotlib as mpl
import pytest
from factories import LABELS
from hearth.common.files import write_json, write_text
from hearth.evaluation.costs import cost_table
from hearth.evaluation.figures import (
    calibration,
    confusion,
    cost_f1,
    drawing,
    f1_by_size,
    failures,
    learning_curve,
    transfer,
)
from hearth.evaluation.figures.names import COST_FIGURES, FORMATS, SCORE_FIGURES
from hearth.evaluation.figures.registry import CAPTIONS, COST_DRAWERS, SCORE_DRAWERS, draw, render
from hearth.evaluation.rendering import render_csv
from hearth.prompting.parsing import STATUSES
from score_factories import (
    make_confidence,
    make_cost_rows,
    make_full_run_scores,
    make_run_scores,
    make_score,
)

ODD = ["a$x^2$_{", "<b>&\"'", "café ☕ 家"]
ALL = [*SCORE_FIGURES, *COST_FIGURES]


def words(drawn):
    """Return all texts of a figure."""
    return [text.get_text() for text in drawn.findobj(mpl.text.Text) if text.get_text()]


@cache
def bytes_of_everything(name):
    scores = make_full_run_scores()
    return render(name, scores, make_cost_rows(scores))


def test_the_figure_has_every_status():
    assert tuple(failures.STATUSES) == STATUSES


def test_every_figure_has_a_caption_and_is_drawn():
    assert list(CAPTIONS) == ALL
    assert (tuple(SCORE_DRAWERS), tuple(COST_DRAWERS)) == (SCORE_FIGURES, COST_FIGURES)


@pytest.mark.parametrize("name", ALL)
def test_equal_scores_give_equal_bytes_in_any_style_of_the_user(name):
    scores = make_full_run_scores()
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": "other"}):
        assert render(name, scores, make_cost_rows(scores)) == bytes_of_everything(name)
        assert mpl.rcParams["font.size"] == 20


@pytest.mark.parametrize("name", ALL)
def test_a_figure_has_a_title_no_date_and_no_links(name):
    assert set(bytes_of_everything(name)) == set(FORMATS)
    assert bytes_of_everything(name)["png"].startswith(b"\x89PNG")
    svg = bytes_of_everything(name)["svg"].decode()
    assert f"<title>{CAPTIONS[name].title}</title>" in svg
    assert "<dc:date>" not in svg
    links = set(re.findall(r'(?:href|src)="([^"#][^"]*)"', svg)) | set(re.findall(r"url\(([^#)][^)]*)\)", svg))
    assert not links
    assert "<script" not in svg


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore:Glyph")
def test_odd_names_are_shown_unchanged(name):
    scores = make_full_run_scores(homes=ODD)
    for score in scores:
        for key in ("recogniser", "base", "teacher"):
            score[key] = score[key].replace("model-1m", "$\\frac{1$")
    with mpl.rc_context():
        drawing.apply_style()
        drawn = draw(name, scores)
        ElementTree.fromstring(drawing.figure_bytes(drawn, "svg", "odd"))
    shown = " ".join(words(drawn))
    assert all(odd in shown for odd in [*ODD, "$\\frac{1$"])


@pytest.mark.parametrize("name", ALL)
def test_simulated_homes_and_tiny_models_are_marked(name):
    shown = words(draw(name, make_full_run_scores(homes=("made-up", "second"), stand_in="tiny", simulated=["made-up"])))
    (warning,) = [text for text in shown if "Tiny models" in text]
    assert warning.startswith("Simulated homes, not recorded ones: made-up\nTiny models, not real ones: model-1m")
    assert name == "transfer" or any(text.startswith("made-up (simulated home)") for text in shown)
    assert not [text for text in words(draw(name, make_full_run_scores())) if "Tiny" in text or "imulated" in text]


@pytest.mark.parametrize("name", [name for name in SCORE_FIGURES if name not in ("f1_by_size", "failures")])
def test_a_figure_without_anything_to_show_is_an_error(name):
    score = make_score(variant="asked in another way")
    with pytest.raises(ValueError, match=f"{name}: .*nothing to show"):
        render(name, [score])


@pytest.mark.parametrize("name", ["f1_by_size", "failures"])
@pytest.mark.parametrize(
    "run",
    [
        {"sizes": (1,), "homes": ("one",)},
        {"sizes": (1, 2, 3, 4, 5, 6), "homes": ("one", "two", "three", "four"), "bases": 2, "seeds": (0, 1, 2)},
        {"bases": 0},
    ],
)
def test_every_dataset_has_a_panel_with_its_test_windows_and_events(name, run):
    scores = make_run_scores(**run)
    homes = list(run.get("homes", ("made-up", "second")))
    assert [axes.get_title() for axes in draw(name, scores).axes] == [
        f"{home}\n3 test windows, 5 events" for home in homes
    ]


def test_f1_and_truncated_answers_are_drawn_for_every_model_and_budget():
    first, truncated, *_ = draw("f1_by_budget", make_full_run_scores()).axes
    lines = {line.get_color(): line.get_xydata().tolist() for line in truncated.lines}
    assert sorted(lines.values()) == [[[256, 0.1], [1024, 0.0]], [[256, 0.9], [1024, 0.0]]]
    drawn = [line for line in first.lines if line.get_marker() == "o"]
    assert [line.get_xydata().tolist() for line in drawn] == [[[256, 0.1], [1024, 0.4]]] * 2
    assert [text.get_text() for text in first.get_xticklabels()] == ["256", "1,024"]


@pytest.mark.parametrize("name", ALL)
def test_further_seeds_of_sampling_are_not_drawn(name):
    scores = make_full_run_scores()
    again = [
        score
        | {
            "recogniser": f"{score['recogniser']}_decode1",
            "variant": "-".join(filter(None, (score["variant"], "decode1"))),
        }
        for score in scores
    ]
    assert render(name, [*scores, *again], make_cost_rows(scores)) == bytes_of_everything(name)


def markers(axes):
    """Return (x, y, whether it is filled) of the marker of every student."""
    lines = [line for line in axes.lines if line.get_marker() == "D"]
    return [
        (line.get_xdata()[0], pytest.approx(line.get_ydata()[0]), line.get_markerfacecolor() != "white")
        for line in lines
    ]


def test_students_stand_at_the_size_of_their_base_filled_on_their_own_home():
    first, second = f1_by_size.draw(make_run_scores(seeds=(0, 1))).axes
    assert sorted(markers(first), key=lambda marker: marker[2]) == [
        (10**6, 0.35, False),
        (10**6, 0.37, False),
        (10**6, 0.45, True),
        (10**6, 0.47, True),
    ]
    assert [filled for _, _, filled in markers(second)] == [False, False, True, True]
    # Each panel has two such lines (annotations): they join the base to its two students on their own home only.
    assert [len(axes.texts) for axes in (first, second)] == [2, 2]


def test_a_score_with_an_interval_has_it_drawn():
    scores = [make_score("a", parameters=5), make_score("b", parameters=9)]
    scores[1]["strict"]["intervals"] = dict.fromkeys(scores[1]["strict"]["intervals"])
    (sizes,), (shares,) = f1_by_size.draw(scores).axes, failures.draw(scores).axes
    assert [list(line.get_ydata()) for line in sizes.lines if list(line.get_xdata()) == [5, 5]] == [[0.25, 0.75]]
    assert not [line for line in sizes.lines if list(line.get_xdata()) == [9, 9]]
    assert [list(line.get_xdata()) for line in shares.lines] == [[0.25, 0.75]]


def test_models_are_named_under_the_axis_and_the_teacher_is_marked():
    drawn = f1_by_size.draw(make_run_scores(homes=("made-up",)))
    (axes,) = drawn.axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["model-1m · 1.0M", "model-3m · 3.0M", "model-9m · 9.0M"]
    (ring,) = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert list(ring.get_xdata()) == [9 * 10**6]
    assert "teacher" in words(drawn)
    assert "hollow: tested on another home" not in words(drawn)


def test_models_of_one_size_share_a_tick():
    scores = [make_score("a", parameters=5), make_score("b", parameters=5), make_score("c", parameters=9)]
    assert [label.get_text() for label in f1_by_size.draw(scores).axes[0].get_xticklabels()] == ["a, b · 5", "c · 9"]


def test_every_status_is_a_part_of_the_bar():
    score = make_score(n_windows=28)
    score["strict"]["status"] = {status: count for count, status in enumerate(STATUSES, start=1)}
    drawn = failures.draw([score])
    (axes,) = drawn.axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([count / 28 for count in range(1, 8)])
    assert axes.patches[-1].get_x() + axes.patches[-1].get_width() == pytest.approx(1)
    assert {text for text, _ in failures.STATUSES.values()} <= set(words(drawn))
    assert [text.get_text() for text in axes.texts] == ["11%", "14%", "18%", "21%", "25%"]


def test_the_legend_names_windows_without_an_answer_only_where_there_are_some():
    name, _ = failures.STATUSES["unanswered"]
    assert name not in words(failures.draw([make_score()]))


def test_bars_are_ordered_by_size_and_students_come_last():
    scores = [
        *make_run_scores(homes=("made-up",), seeds=(0, 2)),
        make_score("model-5m", "second", parameters=5 * 10**6),
    ]
    first, second = failures.draw(scores[::-1]).axes
    assert [label.get_text() for label in first.get_yticklabels()] == [
        *("model-1m", "model-3m", "model-5m", "model-9m"),
        *("model-1m_reasoning_made-up", "model-1m_reasoning_made-up_seed2"),
    ]
    assert [text.get_text() for text in second.texts].count("not tested here") == 1
    assert [text.get_text() for text in first.texts].count("not tested here") == 5


def matrices(drawn):
    """Return, for each matrix, its title and a dict from (row, column), counted from 1, to the share in that cell."""
    titled_shares = []
    for axes in [axes for axes in drawn.findobj(mpl.axes.Axes) if ": " in axes.get_title()]:
        (boxes,) = axes.collections
        places = [path.get_extents() for path in boxes.get_paths()]
        cells = [(round(place.y0 + 0.5), round(place.x0 + 0.5)) for place in places]
        titled_shares.append((axes.get_title(), dict(zip(cells, boxes.get_array(), strict=True))))
    return titled_shares


def test_a_home_has_confusion_matrices_of_base_student_and_teacher():
    drawn = confusion.draw(make_run_scores(seeds=(0, 1)))
    titles = [title for title, _ in matrices(drawn)]
    assert titles[:3] == ["base: model-1m", "student: model-1m_reasoning_made-up", "teacher: model-9m"]
    assert titles[4] == "student: model-1m_reasoning_second"
    assert len(titles) == 6
    _, cells = matrices(drawn)[0]
    # Columns 1 to 3 are the labels; column 4 is events without a readable label.
    assert cells == {(1, 1): 1, (2, 4): 1, (3, 3): pytest.approx(2 / 3), (3, 4): pytest.approx(1 / 3)}
    assert f"{LABELS[1]} (1)" in words(drawn)


def test_models_without_students_are_compared_by_size():
    titles = [title for title, _ in matrices(confusion.draw(make_run_scores(bases=0, homes=("made-up",))))]
    assert titles == ["smallest model: model-1m", "largest model: model-9m"]
    assert [title for title, _ in matrices(confusion.draw([make_score()]))] == ["smallest model: little"]


def test_an_unused_label_has_no_row_and_a_long_one_is_shortened():
    score = make_score()
    score["strict"]["confusion"]["counts"][1] = [0, 0, 0, 0]
    assert not [text for text in words(confusion.draw([score])) if "drinking" in text]
    long = "x" * 200
    score["strict"]["confusion"] |= {"labels": [long, *LABELS[1:]], "columns": [long, *LABELS[1:], "none"]}
    score["strict"]["per_class"][long] = {"support": 1}
    assert max(map(len, words(confusion.draw([score])))) < 80


def test_transfer_has_a_row_for_each_training_home_and_one_without_training():
    scores = make_run_scores(seeds=(0, 1))
    (axes,) = transfer.draw(scores).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "trained on made-up",
        "trained on second",
        "not trained",
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["tested on\nmade-up", "tested on\nsecond"]
    cells = {text.get_position()[::-1]: text.get_text().split("\n") for text in axes.texts}
    assert {place: lines[0] for place, lines in cells.items()} == {
        **{(0, 0): "0.460", (0, 1): "0.360", (1, 0): "0.360", (1, 1): "0.460"},
        **{(2, 0): "0.300", (2, 1): "0.250"},
    }
    assert cells[0, 0][-1] == "mean of 2 seeds"
    assert re.fullmatch(r"\[\d\.\d\d, \d\.\d\d\]", cells[2, 0][-1])
    one_way = [score for score in scores if (score["train_dataset"], score["dataset"]) != ("second", "made-up")]
    assert [text.get_text() for text in transfer.draw(one_way).axes[0].texts].count("not tested") == 1


def test_a_learning_curve_joins_students_of_fewer_traces_with_the_main_ones():
    for axes in learning_curve.draw(make_full_run_scores()).axes:
        (line,) = [line for line in axes.lines if line.get_marker() == "D"]
        assert list(line.get_xdata()) == [2, 4]
        assert list(line.get_ydata()) == pytest.approx([0.45, 0.45])
        assert sorted(line.get_linestyle() for line in axes.lines if list(line.get_xdata()) == [0, 1]) == ["--", ":"]


def test_calibration_draws_no_bin_of_few_events_and_keeps_no_event_without_a_label():
    scores = [make_score(confidence=make_confidence(0.25)), make_score("other")]
    reliability, selective = calibration.draw(scores).axes
    line = reliability.lines[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0.35, 0.95], [0.25, 1.0])
    (line,) = selective.lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0.4, 0.8], [1.0, 0.25])
    assert "other" not in words(calibration.draw(scores))


def test_calibration_shows_variants_only_without_others():
    asked = make_score("asked", variant="curt", confidence=make_confidence())
    assert "asked" in words(calibration.draw([asked]))
    plain = make_score("plain", confidence=make_confidence())
    assert {"asked", "plain"} & set(words(calibration.draw([asked, plain]))) == {"plain"}


def test_cost_is_tokens_and_seconds_per_window_of_models_and_of_students_on_their_own_home():
    scores = make_run_scores()
    tokens, seconds, *_ = cost_f1.draw(scores, make_cost_rows(scores)).axes
    points = {text.get_text(): text.xy for text in seconds.texts}
    assert points["1"] == (pytest.approx(1 / 3), pytest.approx(0.3))
    assert points["3"][0] == 3
    assert {text.xy[0] for text in tokens.texts} == {10}
    shown = words(cost_f1.draw(scores, make_cost_rows(scores)))
    assert "4 model-1m_reasoning_made-up" in shown
    untimed = cost_f1.draw(scores, [cost | {"seconds": None} for cost in make_cost_rows(scores)]).axes
    assert [len(axes.texts) for axes in untimed[:2]] == [4, 0]


def test_energy_is_drawn_if_it_was_measured():
    scores = make_run_scores()
    costs = make_cost_rows(scores)
    drawn = cost_f1.draw(scores, [costs[0] | {"energy_joules": 6.0}, *costs[1:]])
    energy = drawn.axes[2]
    assert energy.get_xlabel() == "joules per window (log scale)"
    assert [text.xy[0] for text in energy.texts] == [2.0]
    assert "joules per window (log scale)" not in words(cost_f1.draw(scores, costs))


@pytest.fixture
def score_files(tmp_path):
    paths = []
    for number, score in enumerate(make_run_scores()):
        paths.append(tmp_path / f"{number}.json")
        write_json(paths[-1], score)
    return [str(path) for path in paths]


def test_the_program_writes_both_formats(tmp_path, score_files):
    out = [*("--svg", str(tmp_path / "f.svg")), *("--png", str(tmp_path / "f.png"))]
    figure.main(["--figure", "failures", "--scores", *score_files, *out])
    drawn = render("failures", make_run_scores())
    assert {form: (tmp_path / f"f.{form}").read_bytes() for form in drawn} == drawn


def test_the_program_reads_the_cost_table_for_the_figure_that_needs_it(tmp_path, score_files):
    predictions = {("model-1m", "made-up", "test"): [{"windows": 3, "seconds": 1.5}]}
    table = cost_table(predictions, {}, [], [], "abc")
    write_text(tmp_path / "cost.csv", render_csv(table))
    out = ["--svg", str(tmp_path / "f.svg"), "--png", str(tmp_path / "f.png")]
    figure.main(["--figure", "cost_f1", "--costs", str(tmp_path / "cost.csv"), "--scores", *score_files, *out])
    assert b"seconds per window" in (tmp_path / "f.svg").read_bytes()
    with pytest.raises(ValueError, match="--costs: cost_f1 needs it"):
        figure.main(["--figure", "cost_f1", "--scores", *score_files, *out])


@pytest.mark.parametrize(("low", "high"), [(100, 800), (0.011, 0.09), (1, 1e6), (3e-4, 7e9), (90, 1100)])
def test_a_cost_axis_has_a_few_round_ticks(low, high):
    ticks = cost_f1.log_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert all(f"{tick:e}"[0] in "1235" and f"{tick:e}"[1:6] == ".0000" for tick in ticks)


def test_costs_that_hardly_differ_stand_close_together():
    scores = make_run_scores(homes=("made-up",))
    for number, score in enumerate(scores):
        score["tokens"] = {"prompt": 300, "completion": 300 + number}
    low, high = cost_f1.draw(scores, make_cost_rows(scores)).axes[0].get_xlim()
    assert high / low == pytest.approx(8)


def test_the_interval_of_ok_windows_crosses_no_percentage():
    axes = failures.draw(make_run_scores()).axes[0]
    lines = [line.get_ydata()[0] for line in axes.lines]
    bars = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches]
    assert lines
    assert not [y for y in lines for low, high in bars if low < y < high]


def test_columns_of_a_confusion_matrix_have_the_names_of_labels():
    axes = confusion.draw(make_run_scores()).axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names[-1] == "none"
    assert names[0] == LABELS[0]
    assert all(label.get_rotation() == 90 for label in axes.get_xticklabels())
