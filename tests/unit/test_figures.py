"""Figures: the same scores give the same bytes, whatever models and homes are called and however many there are."""

import re
import xml.etree.ElementTree as ElementTree

import figure
import pytest
from hearth.answers import STATUSES
from hearth.evaluation import figures
from hearth.evaluation.figures import FIGURES, f1_by_size, failures, render
from hearth.files import write_json
from made_up import made_up_run, made_up_score

ODD = ["a$x^2$_{", "<b>&\"'", "café ☕ 家"]


def words(drawn):
    """Every text that a figure shows."""
    return [text.get_text() for text in drawn.findobj(figures.mpl.text.Text) if text.get_text()]


def test_a_status_of_answers_and_a_status_of_the_figure_are_the_same():
    assert tuple(figures.STATUSES) == STATUSES


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_scores_give_the_same_bytes(name):
    scores = made_up_run(seeds=(0, 1))
    one, other = render(name, scores), render(name, scores)
    assert one == other
    assert set(one) == {"svg", "png"}
    assert one["png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_no_date_and_needs_no_network(name):
    svg = render(name, made_up_run())["svg"].decode()
    assert "<dc:date>" not in svg
    links = set(re.findall(r'(?:href|src)="([^"#][^"]*)"', svg)) | set(re.findall(r"url\(([^#)][^)]*)\)", svg))
    assert not links
    assert "<script" not in svg


@pytest.mark.parametrize("name", FIGURES)
def test_the_style_of_a_user_changes_no_figure(name):
    scores = made_up_run()
    plain = render(name, scores)
    with figures.mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": "other"}):
        assert render(name, scores) == plain
        assert figures.mpl.rcParams["font.size"] == 20


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.filterwarnings("ignore:Glyph")
def test_odd_names_are_shown_as_they_are(name):
    scores = made_up_run(homes=ODD)
    for score in scores:
        for key in ("recogniser", "base", "teacher"):
            score[key] = score[key].replace("model-1m", "$\\frac{1$")
    ElementTree.fromstring(render(name, scores)["svg"])
    shown = " ".join(words(FIGURES[name](scores)))
    assert all(odd in shown for odd in [*ODD, "$\\frac{1$"])


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    "run",
    [
        {"sizes": (1,), "homes": ("one",)},
        {"sizes": (1, 2, 3, 4, 5, 6), "homes": ("one", "two", "three", "four"), "bases": 2, "seeds": (0, 1, 2)},
        {"bases": 0},
    ],
)
def test_a_panel_a_dataset_with_its_test_windows_and_events(name, run):
    scores = made_up_run(**run)
    homes = list(run.get("homes", ("made-up", "second")))
    assert [axes.get_title() for axes in FIGURES[name](scores).axes] == [
        f"{home}\n3 test windows, 5 events" for home in homes
    ]
    assert render(name, scores)["png"]


@pytest.mark.parametrize("name", FIGURES)
def test_simulated_homes_and_tiny_models_are_called_that(name):
    shown = words(FIGURES[name](made_up_run(homes=("made-up",), stand_in="tiny", simulated=["made-up"])))
    assert any(text.startswith("made-up (simulated home)") for text in shown)
    (warning,) = [text for text in shown if "Tiny models" in text]
    assert warning == (
        "Simulated homes, not recorded ones: made-up\nTiny models, not real ones: model-1m, model-3m, model-9m"
    )
    assert not [text for text in words(FIGURES[name](made_up_run())) if "Tiny" in text or "imulated" in text]


def markers(axes):
    """(x, y, whether it is filled) of every student's marker."""
    lines = [line for line in axes.lines if line.get_marker() == "D"]
    return [
        (line.get_xdata()[0], pytest.approx(line.get_ydata()[0]), line.get_markerfacecolor() != "white")
        for line in lines
    ]


def test_students_stand_at_their_bases_size_filled_on_the_home_they_learned_from():
    first, second = f1_by_size(made_up_run(seeds=(0, 1))).axes
    assert sorted(markers(first), key=lambda marker: marker[2]) == [
        (10**6, 0.35, False),
        (10**6, 0.37, False),
        (10**6, 0.45, True),
        (10**6, 0.47, True),
    ]
    assert [filled for _, _, filled in markers(second)] == [False, False, True, True]
    # A thin line joins a base and its own students alone.
    assert [len(axes.texts) for axes in (first, second)] == [2, 2]


def test_a_whisker_is_the_interval_of_a_score_where_it_has_one():
    scores = [made_up_score("a", parameters=5), made_up_score("b", parameters=9)]
    scores[1]["strict"]["intervals"] = dict.fromkeys(scores[1]["strict"]["intervals"])
    (sizes,), (shares,) = f1_by_size(scores).axes, failures(scores).axes
    assert [list(line.get_ydata()) for line in sizes.lines if list(line.get_xdata()) == [5, 5]] == [[0.25, 0.75]]
    assert not [line for line in sizes.lines if list(line.get_xdata()) == [9, 9]]
    assert [list(line.get_xdata()) for line in shares.lines] == [[0.25, 0.75]]


def test_models_are_named_under_the_axis_and_the_teacher_is_marked():
    drawn = f1_by_size(made_up_run(homes=("made-up",)))
    (axes,) = drawn.axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["model-1m · 1.0M", "model-3m · 3.0M", "model-9m · 9.0M"]
    (ring,) = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert list(ring.get_xdata()) == [9 * 10**6]
    assert "teacher" in words(drawn)
    assert "hollow: tested on another home" not in words(drawn)


def test_models_of_one_size_share_a_mark():
    scores = [made_up_score("a", parameters=5), made_up_score("b", parameters=5), made_up_score("c", parameters=9)]
    assert [label.get_text() for label in f1_by_size(scores).axes[0].get_xticklabels()] == ["a, b · 5", "c · 9"]


def test_every_status_is_a_part_of_the_bar():
    score = made_up_score(n_windows=21)
    score["strict"]["status"] = {status: count for count, status in enumerate(STATUSES, start=1)}
    drawn = failures([score])
    (axes,) = drawn.axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([count / 21 for count in range(1, 7)])
    assert axes.patches[-1].get_x() + axes.patches[-1].get_width() == pytest.approx(1)
    assert {text for text, _ in figures.STATUSES.values()} <= set(words(drawn))
    assert [text.get_text() for text in axes.texts] == ["10%", "14%", "19%", "24%", "29%"]


def test_bars_are_ordered_by_size_and_students_come_last():
    scores = [*made_up_run(homes=("made-up",), seeds=(0, 2)), made_up_score("model-5m", "second", parameters=5 * 10**6)]
    first, second = failures(scores[::-1]).axes
    assert [label.get_text() for label in first.get_yticklabels()] == [
        *("model-1m", "model-3m", "model-5m", "model-9m"),
        *("model-1m_reasoning_made-up", "model-1m_reasoning_made-up_seed2"),
    ]
    assert [text.get_text() for text in second.texts].count("not tested here") == 1
    assert [text.get_text() for text in first.texts].count("not tested here") == 5


def test_the_program_writes_both_forms(tmp_path):
    paths = []
    for number, score in enumerate(made_up_run()):
        paths.append(tmp_path / f"{number}.json")
        write_json(paths[-1], score)
    out = [*("--svg", str(tmp_path / "f.svg")), *("--png", str(tmp_path / "f.png"))]
    figure.main(["--figure", "failures", "--scores", *map(str, paths), *out])
    assert (tmp_path / "f.svg").read_bytes() == render("failures", made_up_run())["svg"]
    assert (tmp_path / "f.png").read_bytes() == render("failures", made_up_run())["png"]
