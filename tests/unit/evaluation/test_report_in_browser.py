"""Test the report in a real browser: it fits windows of different widths, and no script in a name runs."""

import html
import re
from pathlib import Path

import pytest
from browser import browse, needs_chromium, probe
from hearth.evaluation import report
from hearth.evaluation.audit_tables import count_failures
from hearth.evaluation.figures.names import SCORE_FIGURES
from hearth.evaluation.figures.registry import render
from score_factories import make_full_run_scores

pytestmark = needs_chromium

HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">'\"-->"
LONG = "a-name-without-end-" * 12
MEASURE = """
  return {wide: page.documentElement.scrollWidth, title: page.title,
    images: [...page.querySelectorAll('[role="img"] > svg')].map((svg) => svg.getBoundingClientRect().height)};
"""


def hostile_audit():
    trace = {"window_id": "w", "group": "s", "gold": [LONG] * 2, "labels": [LONG, None]}
    trace["flags"] = {"label_unknown": ["x"]}
    prompt = {"version": HOSTILE, "reasoning": "think"}
    return count_failures({"recogniser": HOSTILE, "dataset": LONG, "labels": [LONG], "prompt": prompt}, [trace])


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Write a report with every figure and with hostile and long names; return its path."""
    scores = make_full_run_scores(homes=(HOSTILE, LONG), stand_in=HOSTILE, simulated=[HOSTILE])
    for score in scores:
        for key in ("recogniser", "base", "teacher"):
            score[key] = score[key].replace("model-1m", HOSTILE)
    specs = {
        "all_scores": {
            "title": HOSTILE,
            "caption": LONG,
            "columns": [],
            "pairs": [[score["recogniser"], score["dataset"]] for score in scores],
        }
    }
    drawings = {name: render(name, scores)["svg"].decode() for name in SCORE_FIGURES}
    template = Path(report.__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.render_report(scores, [hostile_audit()], specs, drawings, "abc", template), encoding="utf-8")
    return path


def test_the_page_is_unchanged_and_no_script_runs(page):
    shown = browse(page, "--dump-dom")
    assert "<title>Hearth: report</title>" in shown
    assert "<script" not in shown
    assert "<img" not in shown
    headings = re.findall(r"<h[123][^>]*>(.*?)</h[123]>", shown, re.DOTALL)
    assert {"Hearth: report of a run", "The paper's claims", "Figures", "Tables"} <= set(headings)
    assert html.escape(HOSTILE, quote=False) in headings


def test_the_policy_stops_a_script_inside_the_page(page):
    # Write the page as it would be if names were not escaped; the policy must still stop the script. Without the
    # policy, the script runs, which shows that it would do harm.
    faulty = page.with_name("faulty.html")
    text = page.read_text(encoding="utf-8")
    faulty.write_text(text.replace("<h1>", f"{HOSTILE}<h1 onclick=x>", 1), encoding="utf-8")
    assert "<title>Hearth: report</title>" in browse(faulty, "--dump-dom")
    unguarded = page.with_name("unguarded.html")
    unguarded.write_text(re.sub(r"<meta http-equiv[^>]*>", "", faulty.read_text(encoding="utf-8")), encoding="utf-8")
    assert "<title>run</title>" in browse(unguarded, "--dump-dom")


@pytest.mark.parametrize("width", [1280, 420])
def test_every_figure_is_drawn_and_the_page_fits_the_window(page, width):
    measurements = probe(page, width, MEASURE)
    assert measurements["title"] == "Hearth: report"
    assert len(measurements["images"]) == len(SCORE_FIGURES)
    assert min(measurements["images"]) > 100
    assert measurements["wide"] <= width


def test_tables_of_common_names_fit_1300_pixels_without_a_scroll_bar(tmp_path):
    scores = make_full_run_scores(homes=("sim-marble", "sim-mural"), stand_in="tiny", simulated=["sim-marble"])
    pairs = [[score["recogniser"], score["dataset"]] for score in scores]
    compared = {"seeds": "mean", "compare": [["model-1m", "model-9m"]]}
    specs = {
        layout: {"title": layout, "caption": "", "layout": layout, "pairs": pairs, **compared}
        for layout in ("wide", "paper")
    }
    template = Path(report.__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    path = tmp_path / "report.html"
    path.write_text(report.render_report(scores, [hostile_audit()], specs, {}, "abc", template), encoding="utf-8")
    script = """return [...page.querySelectorAll(".scroll")].map((one) => [one.scrollWidth, one.clientWidth,
        one.querySelector("table").getAttribute("aria-labelledby")])"""
    found = probe(path, 1300, script)
    assert len(found) >= 5
    assert [name for needed, has, name in found if needed > has] == []
