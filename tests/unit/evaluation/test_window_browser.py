"""Test the window browser: its sample, its size, and that no text of a home or a model can become a script."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import window_browser
from browser import browse, needs_chromium, probe
from hearth.common.cli import UserError
from hearth.common.files import write_json_lines
from hearth.evaluation import window_browser as browsing
from hearth.evaluation.window_browser import Answers, render_browser, sample_windows
from window_factories import complete_window

FOLDER = Path(browsing.__file__).parent
TEMPLATE, SCRIPT = FOLDER / "window_browser.html.j2", FOLDER / "window_browser.js"
HOSTILE = "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">'\"-->{{ 7*7 }}"
ROLES = ("teacher", "student", "base")


def write_home(folder, dataset="made-up", count=40, text="", change=lambda number, role, row: row):
    """Write windows of two events and the answers of three recognisers; the teacher is wrong in every third window."""
    windows, answers = [], {role: [] for role in ROLES}
    for number in range(count):
        name = f"{dataset}/{number}/0"
        events = [{"id": n, "time": "08:00:00", "description": f"kitchen stove turned ON{text}"} for n in (1, 2)]
        windows.append(complete_window({"window_id": name, "events": events}))
        windows[-1].update(gold=["A", f"B{text}"], residents=[[f"R{text}"], []])
        for role in ROLES:
            wrong = role == "teacher" and number % 3 == 0
            labels = ["A", "A" if wrong else f"B{text}"]
            row = {
                **{"window_id": name, "text": f"<think>why{text}</think>[]", "finish_reason": "stop", "seed": 0},
                **{"prompt_tokens": 1, "completion_tokens": 1, "reasoning": f"why {role}{text}"},
                **{"labels": labels, "status": "ok", "lenient_labels": labels, "lenient_status": "ok"},
            }
            answers[role].append(change(number, role, row))
    write_json_lines(folder / f"datasets/{dataset}/windows.jsonl", windows)
    found = []
    for role in ROLES:
        path = folder / f"predictions/{role}-m/{dataset}/test/parsed.jsonl"
        write_json_lines(path, answers[role])
        found.append(Answers(role, f"{role}-m", [path]))
    return {dataset: (folder / f"datasets/{dataset}/windows.jsonl", found)}


def unread(number, role, row):
    """Leave the base's answers to every fifth window unread."""
    if role == "base" and number % 5 == 0:
        return row | {"labels": [None, None], "status": "truncated"}
    return row


def render(windows, simulated=(), tiny=()):
    template, script = TEMPLATE.read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8")
    return render_browser(windows, simulated, tiny, 0, template, script)


def names(windows):
    return [one.window["window_id"] for one in windows]


def test_the_sample_has_every_home_kind_of_agreement_and_status(tmp_path):
    homes = write_home(tmp_path, change=unread) | write_home(tmp_path, "second", count=200)
    sample = sample_windows(homes, 8, seed=0)
    assert len(sample) == 8
    assert [one.window["dataset"] for one in sample] == ["made-up", "second"] * 4
    assert {one.stratum for one in sample if one.window["dataset"] == "made-up"} == {
        ("all labels right", "ok"),
        ("student right more often than teacher", "ok"),
        ("student right more often than teacher", "truncated"),
        ("teacher and student equally often right", "truncated"),
    }
    assert {one.agreement for one in sample if one.window["dataset"] == "second"} == {
        "all labels right",
        "student right more often than teacher",
    }


def test_the_sample_depends_on_the_seed_and_not_on_the_order_of_the_files(tmp_path):
    homes = write_home(tmp_path)
    first = names(sample_windows(homes, 10, seed=0))
    assert first == names(sample_windows(homes, 10, seed=0))
    assert first != names(sample_windows(homes, 10, seed=1))
    windows, answers = homes["made-up"]
    rows = answers[0].paths[0].read_text(encoding="utf-8").splitlines(keepends=True)
    halves = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    halves[0].write_text("".join(rows[20:]), encoding="utf-8")
    halves[1].write_text("".join(rows[:20]), encoding="utf-8")
    pooled = {"made-up": (windows, [Answers("teacher", "teacher-m", halves), *answers[1:]])}
    assert names(sample_windows(pooled, 10, seed=0)) == first
    assert len(set(names(sample_windows(homes, 99, seed=0)))) == 40


def test_a_window_that_one_recogniser_was_not_asked_is_left_out(tmp_path):
    homes = write_home(tmp_path, count=3)
    path = homes["made-up"][1][2].paths[0]
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:2]), encoding="utf-8")
    assert sorted(names(sample_windows(homes, 9, seed=0))) == ["made-up/0/0", "made-up/1/0"]
    path.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="no window that teacher-m, student-m, base-m all answered"):
        sample_windows(homes, 9, seed=0)


def test_one_of_several_right_labels_is_right(tmp_path):
    homes = write_home(tmp_path, count=1)
    path = homes["made-up"][0]
    window = json.loads(path.read_text(encoding="utf-8"))
    write_json_lines(path, [window | {"gold_any": [["A"], ["B", "A"]]}])
    (one,) = sample_windows(homes, 9, seed=0)
    assert one.agreement == "all labels right"
    assert "B or A" in render([one])


def test_every_text_of_a_window_is_on_the_page(tmp_path):
    text = " ".join(render(sample_windows(write_home(tmp_path, change=unread), 60, seed=0), ["made-up"], ["m"]).split())
    for expected in (
        "Simulated homes, not recorded ones: made-up",
        "Tiny models, not real ones: m",
        "made-up (simulated)",
        "kitchen stove turned ON",
        '<span class="soft">by R</span>',
        "why teacher",
        "teacher<br>teacher-m<br>ok, 1 of 2 right",
        "base<br>base-m<br>truncated, 0 of 2 right",
        '<td class="wrong">✗ A</td>',
        '<td class="right">✓ B</td>',
        '<td class="none">✗ no label</td>',
        "&lt;think&gt;why&lt;/think&gt;[]",
    ):
        assert expected in text, expected


def test_the_page_has_at_most_five_megabytes_and_says_what_it_cuts(tmp_path):
    homes = write_home(tmp_path, count=60, change=lambda number, role, row: row | {"text": "<é>" * 40_000})
    page = render(sample_windows(homes, 60, seed=0))
    assert 1_000_000 < len(page.encode()) <= browsing.MAX_BYTES == 5_000_000
    assert re.search(r"\[\d+ more characters are in the predictions&#39; file\]", page)
    with pytest.raises(ValueError, match="show fewer windows"):
        render(sample_windows(write_home(tmp_path, count=60, text="x" * 30_000), 60, seed=0))


class Scripts(HTMLParser):
    """Collect the tags of a page and the attributes that run scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.handlers = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


def test_hostile_texts_are_text(tmp_path):
    page = render(sample_windows(write_home(tmp_path, text=HOSTILE), 9, seed=0), [HOSTILE], [HOSTILE])
    found = Scripts(page)
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert not found.handlers
    assert "49" not in page.split("</style>")[1]


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    homes = write_home(folder, change=unread) | write_home(folder, "hostile", count=12, text=HOSTILE)
    path = folder / "windows.html"
    path.write_text(render(sample_windows(homes, 60, seed=0)), encoding="utf-8")
    return path


@needs_chromium
def test_no_text_of_a_model_runs_as_a_script_in_a_browser(hostile_page):
    shown = browse(hostile_page, "--dump-dom")
    assert "<title>Hearth: windows</title>" in shown
    assert "52 of 52 windows" in shown  # written by the page's own script
    # Written unescaped, the texts are still stopped by the policy, and without the policy they do run.
    faulty = hostile_page.with_name("faulty.html")
    faulty.write_text(hostile_page.read_text(encoding="utf-8").replace("<h1>", f"{HOSTILE}<h1>", 1), encoding="utf-8")
    assert "<title>Hearth: windows</title>" in browse(faulty, "--dump-dom")
    faulty.write_text(re.sub(r"<meta http-equiv[^>]*>", "", faulty.read_text(encoding="utf-8")), encoding="utf-8")
    assert "<title>run</title>" in browse(faulty, "--dump-dom")


@needs_chromium
def test_filters_and_keys_work(hostile_page):
    script = """
      const shown = () => [...page.querySelectorAll("article")].filter((one) => !one.hidden).length;
      const form = page.getElementById("filters"), found = {all: shown()};
      const choose = (name, value) => {
        form.elements[name].value = value;
        form.dispatchEvent(new frame.contentWindow.Event("input"));
        found[name] = shown();
        form.elements[name].value = "";
      };
      choose("home", "hostile");
      choose("status", "truncated");
      choose("agreement", "all labels right");
      choose("label", "B");
      form.elements.differ.checked = true;
      form.dispatchEvent(new frame.contentWindow.Event("input"));
      found.differ = shown();
      form.elements.differ.checked = false;
      form.dispatchEvent(new frame.contentWindow.Event("input"));
      const press = (key) => page.activeElement.dispatchEvent(
        new frame.contentWindow.KeyboardEvent("keydown", {key: key, bubbles: true}));
      const articles = [...page.querySelectorAll("article")];
      press("j"); press("j"); press("j"); press("k");
      found.focused = articles.indexOf(page.activeElement);
      found.wide = page.documentElement.scrollWidth;
      return found;
    """
    found = probe(hostile_page, 1300, script)
    assert found.pop("wide") <= 1300
    truncated = len([n for n in range(40) if n % 5 == 0])
    wrong = {n for n in range(40) if n % 3 == 0}
    differ = wrong | {n for n in range(40) if n % 5 == 0}
    assert found == {
        "all": 52,
        "home": 12,
        "status": truncated,
        "agreement": 40 - len(differ) + 8,
        "label": 40,
        "differ": len(differ) + 4,
        "focused": 1,
    }


def test_the_program_takes_names_from_paths(tmp_path):
    homes = write_home(tmp_path)
    roles = json.dumps({"made-up": {"teacher": "teacher-m", "base": "base-m"}})
    options = [
        *("--recognisers", roles, "--windows", str(homes["made-up"][0])),
        *("--parsed", *(str(one.paths[0]) for one in homes["made-up"][1]), "--number", "5", "--seed", "0"),
        *("--template", str(TEMPLATE), "--script", str(SCRIPT), "--out", str(tmp_path / "windows.html")),
    ]
    window_browser.main(options)
    page = (tmp_path / "windows.html").read_text(encoding="utf-8")
    assert page.count("<article") == 5
    assert "student-m" not in page
    options[1] = json.dumps({"made-up": {"teacher": "nobody"}})
    with pytest.raises(UserError, match="no file nobody/made-up"):
        window_browser.main(options)
