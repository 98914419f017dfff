"""Check prompts: six parts in the paper's order, and the user's turn."""

import hashlib
import json
import re
from dataclasses import replace

import pytest
from config_factories import replace_at, write_yaml
from factories import HOME
from hearth.common.cli import run
from hearth.homes.home import load_home
from hearth.prompting.prompts import (
    REASONING_MODES,
    answer_text,
    events_text,
    prompt_date,
    read_prompt,
    render_prompt,
    window_text,
)
from render_prompt import main
from repository import REPOSITORY

TEMPLATES = {
    name: REPOSITORY / "config" / "prompts" / f"{name}.j2" for name in ("six-parts", "six-parts-reworded", "brief")
}
HOMES = {name: load_home(REPOSITORY / "config" / "homes" / f"{name}.yaml") for name in ("marble", "mural")}

everywhere = pytest.mark.parametrize("reasoning", REASONING_MODES)
every_template = pytest.mark.parametrize("template", TEMPLATES)
both_homes = pytest.mark.parametrize("home", HOMES)


def prompt(home="mural", template="six-parts", reasoning="think"):
    return render_prompt(HOMES[home], TEMPLATES[template], reasoning)


# The system prompt


@both_homes
@everywhere
def test_the_six_parts_come_in_the_papers_order(home, reasoning):
    system = prompt(home, "six-parts", reasoning)["system"]
    parts = [
        "You recognise the activities",
        *("# The home", "# Input and output", "# Activities", "# Ambiguous situations", "# Example"),
    ]
    places = [system.index(part) for part in parts]
    assert places == sorted(places)
    assert all(system.count(part) == 1 for part in parts)


@both_homes
@everywhere
def test_the_second_wording_has_the_six_parts_in_the_same_order_and_no_sentence_of_the_first(home, reasoning):
    system, first = (prompt(home, name, reasoning)["system"] for name in ("six-parts-reworded", "six-parts"))
    parts = ["A home with", "# Description of the home", "# Format", "# Possible", "# How to decide", "# An example"]
    places = [system.index(part) for part in parts]
    assert places == sorted(places)
    own = {*HOMES[home].rules, HOMES[home].about, *HOMES[home].example["reasoning"].splitlines()}
    example = {line for line in first.splitlines() if line.startswith(("[{", " {"))}
    shared = {*first.splitlines(), "* "} & set(system.splitlines()) - own - example
    assert shared <= {""}


@both_homes
@everywhere
def test_the_brief_parts_come_in_the_same_order(home, reasoning):
    system = prompt(home, "brief", reasoning)["system"]
    parts = ["Name the activity", "Home:", "Input:", "Activities:", HOMES[home].rules[0], "Example:"]
    places = [system.index(part) for part in parts]
    assert places == sorted(places)


@both_homes
@every_template
@everywhere
def test_only_the_prompt_of_a_home_with_several_residents_speaks_of_several(home, template, reasoning):
    alone = replace(
        HOMES[home], residents="one", about="A flat.", rules=(), example=HOMES["mural"].example | {"reasoning": ""}
    )
    several = replace(alone, residents="several")
    systems = {
        each.residents: render_prompt(each, TEMPLATES[template], reasoning, example=False)["system"]
        for each in (alone, several)
    }
    words = re.compile(r"residents|people|\bwho\b|more than one|several residents", re.IGNORECASE)
    assert not words.search(systems["one"])
    assert words.search(systems["several"])
    assert re.search(r"only resident|single resident", systems["one"])
    assert systems["one"].splitlines()[-1] == systems["several"].splitlines()[-1]


@both_homes
@every_template
@everywhere
def test_everything_of_a_home_is_in_its_prompt_verbatim(home, template, reasoning):
    known = HOMES[home]
    system = prompt(home, template, reasoning)["system"]
    assert all(part in system for part in (*known.labels, *known.rooms, *known.rules))
    events = known.example["events"]
    assert system.rstrip().endswith(answer_text([event["label"] for event in events]))
    for event in events:
        assert known.describe(event["sensor"], event["state"])[2] in system
    assert (known.example["reasoning"] in system) == (reasoning == "inline")


def test_labels_are_one_a_line_commas_and_typos_included():
    lines = prompt()["system"].splitlines()
    for label in HOMES["mural"].labels:
        assert lines.count(f"- {label}") == 1


@every_template
def test_labels_of_any_characters_are_not_escaped(tmp_path, template):
    labels = ["a < b & c, {{ d }} 'e'", "COOKING", 'the "big" one', "été"]
    home = load_home(write_yaml(tmp_path / "home.yaml", replace_at(HOME, "labels", labels)))
    system = render_prompt(home, TEMPLATES[template], "none")["system"]
    assert all(label in system for label in labels)


def test_a_home_without_rules_has_no_such_part(tmp_path):
    home = load_home(write_yaml(tmp_path / "home.yaml", HOME))
    assert "# Ambiguous" not in render_prompt(home, TEMPLATES["six-parts"], "none")["system"]


def test_the_version_is_a_digest_of_the_text(tmp_path):
    prompts = {(h, t, r): prompt(h, t, r) for h in HOMES for t in TEMPLATES for r in REASONING_MODES}
    by_text = {}
    for (_, template, reasoning), each in prompts.items():
        assert re.fullmatch(rf"{template}@[0-9a-f]{{12}}", each["version"])
        assert (each["template"], each["reasoning"]) == (template, reasoning)
        by_text.setdefault(each["system"], set()).add(each["version"])
    assert all(len(versions) == 1 for versions in by_text.values())
    assert len({each["version"] for each in prompts.values()}) == len(by_text)
    copied = tmp_path / "six-parts.j2"
    copied.write_text(TEMPLATES["six-parts"].read_text(encoding="utf-8"), encoding="utf-8")
    assert render_prompt(HOMES["mural"], copied, "think")["version"] == prompt()["version"]
    copied.write_text(copied.read_text(encoding="utf-8") + " So be it.", encoding="utf-8")
    assert render_prompt(HOMES["mural"], copied, "think")["version"] != prompt()["version"]


@both_homes
@every_template
@everywhere
def test_only_what_the_home_says_is_in_the_prompt(home, template, reasoning):
    system = prompt(home, template, reasoning)["system"]
    times = {event["time"] for event in HOMES[home].example["events"]}
    assert set(re.findall(r"\d\d:\d\d:\d\d", system)) == times
    assert not re.search(r"\b(19|20)\d\d\b", system)
    assert "subject" not in system
    assert "session" not in system


# Versions of the prompt


def with_kinds(home):
    """A home half of whose sensors are motion sensors; the others have no kind."""
    sensors = {
        name: replace(sensor, kind="motion sensor" if number % 2 else "")
        for number, (name, sensor) in enumerate(HOMES[home].sensors.items())
    }
    return replace(HOMES[home], sensors=sensors)


@both_homes
@every_template
@everywhere
def test_the_kind_of_every_sensor_that_has_one_is_listed_once(home, template, reasoning):
    known = with_kinds(home)
    plain, kinds = (
        render_prompt(known, TEMPLATES[template], reasoning, sensor_kinds=shown)["system"].splitlines()
        for shown in (False, True)
    )
    (line,) = [line for line in kinds if "motion sensor: " in line]
    names = line.partition("motion sensor: ")[2].removesuffix(".").split(", ")
    assert names == [sensor.describe("") for sensor in known.sensors.values() if sensor.kind]
    added = {line, "Kinds of sensors:", "Sensors by kind:"}
    assert [line for line in kinds if line and line not in added] == [line for line in plain if line]


def test_kinds_that_the_home_does_not_say_or_the_template_does_not_show_are_refused(tmp_path):
    unsaid = replace(
        HOMES["mural"], sensors={name: replace(sensor, kind="") for name, sensor in HOMES["mural"].sensors.items()}
    )
    with pytest.raises(ValueError, match="home MuRAL: no sensor has a `kind`"):
        render_prompt(unsaid, TEMPLATES["brief"], "think", sensor_kinds=True)
    silent = write_yaml(tmp_path / "silent.j2", "{{ labels }}")
    with pytest.raises(ValueError, match=r"silent\.j2: it leaves out kinds of sensors"):
        render_prompt(with_kinds("mural"), silent, "think", sensor_kinds=True)


@both_homes
@every_template
def test_the_order_of_labels_changes_nothing_but_the_order(home, template):
    labels = list(HOMES[home].labels)
    orders = {
        "home": labels,
        "reversed": labels[::-1],
        "shuffled": sorted(labels, key=lambda label: hashlib.sha256(label.encode()).digest()),
    }
    joined = {"six-parts": "\n- ", "six-parts-reworded": "\n* ", "brief": "; "}[template]
    plain = prompt(home, template)["system"]
    for order, ordered in orders.items():
        each = render_prompt(HOMES[home], TEMPLATES[template], "think", label_order=order)
        assert each["system"] == plain.replace(joined.join(labels), joined.join(ordered))
        assert (each["system"] == plain) == (order == "home")
        assert each["labels"] == labels


def test_an_unknown_order_of_labels_is_named():
    with pytest.raises(ValueError, match="label order 'sorted' is none of home, reversed, shuffled"):
        render_prompt(HOMES["mural"], TEMPLATES["brief"], "none", label_order="sorted")


# One window


def window(**changes):
    events = [{"id": 1, "time": "08:00:00", "description": "kitchen stove turned ON", "secret": "x"}]
    return {
        "window_id": "mural/session-9/0",
        "dataset": "mural",
        "session": "session-9",
        "events": events,
        "gold": ["having dinner"],
        "residents": [["P1"]],
    } | changes


def test_the_users_turn_holds_nothing_but_events():
    assert window_text(window()) == '[{"id": 1, "time": "08:00:00", "description": "kitchen stove turned ON"}]'
    two = [{"id": n, "time": "08:00:00", "description": "é"} for n in (1, 2)]
    assert events_text(two).splitlines() == [
        '[{"id": 1, "time": "08:00:00", "description": "é"},',
        ' {"id": 2, "time": "08:00:00", "description": "é"}]',
    ]


def test_the_answer_asked_for():
    assert answer_text(["a, b", "é"]) == '[{"id": 1, "activity": "a, b"}, {"id": 2, "activity": "é"}]'


# Mistakes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ lables }}", "'lables' is undefined"),
        ("\n{% for x in labels %}", ":2: "),
        ("{{ labels + 1 }}", "tuple"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% include 'other' %}", "no loader"),
    ],
)
def test_a_bad_template_is_named(tmp_path, text, message):
    template = write_yaml(tmp_path / "bad.j2", text)
    with pytest.raises(ValueError, match=r"bad\.j2") as raised:
        render_prompt(HOMES["marble"], template, "none")
    assert message in str(raised.value)


def test_an_unknown_mode_of_reasoning_is_named():
    with pytest.raises(ValueError, match="reasoning 'thikn' is none of think, inline, none"):
        prompt(reasoning="thikn")


def arguments(tmp_path, home, template):
    out = ["--out", str(tmp_path / "prompt.json"), "--text", str(tmp_path / "prompt.txt")]
    return ["--home", str(home), "--template", str(template), "--reasoning", "none", *out]


def test_the_program_writes_the_prompt_for_programs_and_people(tmp_path):
    main(arguments(tmp_path, REPOSITORY / "config" / "homes" / "mural.yaml", TEMPLATES["brief"]))
    written = json.loads((tmp_path / "prompt.json").read_text(encoding="utf-8"))
    assert written == prompt("mural", "brief", "none")
    assert (tmp_path / "prompt.txt").read_text(encoding="utf-8") == written["system"] + "\n"


@pytest.mark.parametrize(("home", "template"), [("none.yaml", "brief.j2"), ("homes/mural.yaml", "none.j2")])
def test_the_program_ends_with_one_line_on_what_is_missing(tmp_path, capsys, home, template):
    folder = REPOSITORY / "config"
    with pytest.raises(SystemExit) as stopped:
        run(lambda: main(arguments(tmp_path, folder / home, folder / "prompts" / template)))
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "none." in line
    assert not (tmp_path / "prompt.json").exists()


def test_a_prompt_says_a_date_that_is_not_the_default(tmp_path):
    home, template = REPOSITORY / "config" / "homes" / "mural.yaml", TEMPLATES["brief"]
    for date, said in (("2026-01-31", "2026-01-31"), ("2024-07-26", None), ("", None)):
        main([*("--home", str(home), "--template", str(template), "--reasoning", "none", "--date", date),
              *("--out", str(tmp_path / "p.json"), "--text", str(tmp_path / "p.txt"))])  # fmt: skip
        assert json.loads((tmp_path / "p.json").read_text()).get("date") == said
        assert prompt_date(read_prompt(tmp_path / "p.json")) == (said or "2024-07-26")
    with pytest.raises(ValueError, match="Invalid isoformat string"):
        render_prompt(HOMES["mural"], template, "none", date="tomorrow")
