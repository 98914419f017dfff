"""Test home yaml files: those in config/homes are valid, and every mistake is reported with its key and remedy."""

import datetime
import re

import pytest
import yaml
from config_factories import SCHEMAS, replace_at, schema_properties, write_yaml
from factories import HOME
from hearth.homes.home import BusEntity, HomeError, Threshold, load_home, normalise_label
from hearth.homes.raw_format import Recording
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config/homes/TEMPLATE.yaml"

COMMON = {"COOKING": "cooking", "drinking water, coffee or drinks": "eating", "EATING": "eating"}

SHIPPED = sorted((REPOSITORY / "config" / "homes").glob("*.yaml"))


def test_an_unknown_key_hides_no_unknown_name(tmp_path):
    raw = HOME | {"abuot": "x", "transition": "keep"}
    raw = replace_at(raw, "example/events/0/label", "COOK")
    with pytest.raises(HomeError) as raised:
        load_home(write_yaml(tmp_path / "home.yaml", raw))
    unknown, reference = str(raised.value).splitlines()
    assert "abuot: unknown key 'abuot'; did you mean 'about'?" in unknown
    assert "example.events.0.label: unknown label 'COOK'" in reference


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_homes_are_valid(path):
    home = load_home(path)
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert list(home.labels) == raw["labels"]
    for sensor, spec in home.sensors.items():
        for state in spec.states:
            room, words, description = home.describe(sensor, state)
            assert description == f"{room} {spec.words} {words}".strip()
        assert spec.kind
    assert home.common_labels


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_rule_states_an_origin_that_is_not_the_data(path):
    home = load_home(path)
    assert len(home.rule_origins) == len(home.rules) > 0
    assert set(home.rule_origins) <= {"documentation", "common sense"}


def test_rules_are_sentences_with_or_without_an_origin(tmp_path):
    rules = ["Stoves cook.", {"text": "Taps run.", "origin": "documentation"}]
    home = load_home(write_yaml(tmp_path / "home.yaml", replace_at(HOME, "rules", rules)))
    assert home.rules == ("Stoves cook.", "Taps run.")
    assert home.rule_origins == ("", "documentation")


@pytest.mark.parametrize(
    ("spelling", "plain"),
    [
        ("Drinking  Water,_coffee or drinks", "drinking water coffee or drinks"),
        ("drinking water，coffee or drinks", "drinking water coffee or drinks"),
        ("ＷＡＴＣＨＩＮＧ-tv.", "watching tv"),
        ("children’s play", "children s play"),
        ("`children's_play`", "children s play"),
        ("\ufeffcook\u200bing\u00a0", "cooking"),
        ("C++", "c++"),
        ("厨房做饭", "厨房做饭"),
        ("...", "..."),
    ],
)
def test_labels_are_compared_without_case_width_blanks_and_punctuation(spelling, plain):
    assert normalise_label(spelling) == plain


def test_aliases_map_other_spellings_to_labels(tmp_path):
    aliases = {"COOKING": ["frying", "making food"], "EATING": ["dining"]}
    home = load_home(write_yaml(tmp_path / "home.yaml", replace_at(HOME, "aliases", aliases)))
    assert home.aliases == {"frying": "COOKING", "making food": "COOKING", "dining": "EATING"}


def test_common_labels_map_every_label(tmp_path):
    home = load_home(write_yaml(tmp_path / "home.yaml", replace_at(HOME, "common_labels", COMMON)))
    assert home.common_labels == COMMON


def test_a_home_holds_what_its_yaml_says(tmp_path):
    home = load_home(write_yaml(tmp_path / "home.yaml", HOME))
    assert home.labels == ("COOKING", "drinking water, coffee or drinks", "EATING")
    assert (home.rules, home.transition, home.timezone) == ((), "keep", "Europe/Paris")
    assert home.describe("s1", "ON") == ("kitchen", "turned ON", "kitchen stove turned ON")


def test_defaults_are_the_schemas(tmp_path):
    home = load_home(write_yaml(tmp_path / "home.yaml", replace_at(HOME, "timezone", ...)))
    schema = yaml.safe_load((SCHEMAS / "home.schema.yaml").read_text(encoding="utf-8"))
    defaults = {name: part["default"] for name, part in schema["properties"].items() if "default" in part}
    assert home.recording == Recording()
    assert defaults.pop("recording") == {}
    assert defaults == {
        "residents": home.residents,
        "timezone": home.timezone,
        "transition": home.transition,
        "rules": list(home.rules),
        "aliases": home.aliases,
        "common_labels": home.common_labels,
        "entities": home.entities,
    }


def test_entities_of_the_bus_are_read_in_all_their_forms(tmp_path):
    threshold = {"at_least": 5, "reached": "ON", "below": "ON"}
    entities = {"a": "s1", "b": None, "c": {"sensor": "s1", "states": {"open": "ON"}, "threshold": threshold}}
    home = load_home(write_yaml(tmp_path / "home.yaml", HOME | {"entities": entities}))
    assert home.entities == {
        "a": BusEntity("s1"),
        "b": BusEntity(None),
        "c": BusEntity("s1", {"open": "ON"}, Threshold(5, "ON", "ON")),
    }


def test_unknown_sensors_and_states_of_entities_are_named_with_the_nearest(tmp_path):
    threshold = {"at_least": 5, "reached": "ONN", "below": "ON"}
    entities = {"a": "s2", "b": {"sensor": "s1", "states": {"open": "on"}, "threshold": threshold}}
    with pytest.raises(HomeError) as raised:
        load_home(write_yaml(tmp_path / "home.yaml", HOME | {"entities": entities}))
    sensor, state, reached = str(raised.value).splitlines()
    assert "entities.a: unknown sensor 's2'; did you mean 's1'?" in sensor
    assert "entities.b.open: unknown state 'on'; known: ON" in state
    assert "entities.b.reached: unknown state 'ONN'; did you mean 'ON'?" in reached


def test_unknown_sensors_and_states_are_named_with_the_nearest():
    home = load_home(REPOSITORY / "config" / "homes" / "marble.yaml")
    with pytest.raises(KeyError, match=r"unknown sensor 'R11'; did you mean 'R1'"):
        home.describe("R11", "ON")
    with pytest.raises(KeyError, match=r"unknown state 'on' of sensor 'R1'; it has 'ON', 'OFF'"):
        home.describe("R1", "on")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("labells", [], ["labells: unknown key 'labells'; did you mean 'labels'?"]),
        ("labels", ..., ["top level: 'labels' is missing"]),
        ("labels", ["COOKING", "COOKING"], ["labels: ['COOKING', 'COOKING'] has non-unique elements"]),
        ("labels/0", False, ["labels.0: False is not of type 'string'", "put it in quotes"]),
        ("labels/0", 30, ["labels.0: 30 is not of type 'string' (put it in quotes; YAML reads digits as a number"]),
        ("labels/0", datetime.date(2024, 1, 31), ["labels.0: datetime", "put it in quotes; YAML reads it as a date"]),
        ("name", None, ["name: None is not of type 'string' (put it in quotes; YAML reads null, ~ and"]),
        (
            "sensors/s1/states/ON",
            None,
            ["sensors.s1.states.ON: None is not", "put it in quotes", "recording.ignored_states names states"],
        ),
        (
            "recording",
            {"columns": {"begin": True}},
            ["recording.columns.begin: True is neither a list of names nor a text (put it"],
        ),
        (
            "recording",
            {"columns": {"sensor": ["a", False]}},
            ["recording.columns.sensor.1: False is not of type", "put it in q"],
        ),
        ("residents", True, ["residents: True is not one of the valid values (put it in quotes; YAML reads on, off"]),
        ("transition", "dorp", ["transition: 'dorp' is not one of the valid values; did you mean 'drop'?"]),
        ("timezone", "Europe/Pariss", ["timezone: unknown time zone 'Europe/Pariss'; write an IANA name"]),
        ("timezone", "../etc", ["timezone: unknown time zone '../etc'"]),
        ("sensors/s1/room", "kitchn", ["sensors.s1.room: unknown room 'kitchn'; did you mean 'kitchen'?"]),
        ("sensors/s1/wrods", "stove", ["sensors.s1.wrods: unknown key 'wrods'; did you mean 'words'?"]),
        ("sensors/s1/states", {True: "on"}, ["sensors.s1.states.True: the key True is not text; put it in quotes"]),
        ("sensors/s1/states/ON", True, ["sensors.s1.states.ON: True is not of type 'string'", "put it in quotes"]),
        ("example/events/0/sensor", "s2", ["example.events.0.sensor: unknown sensor 's2'; did you mean 's1'?"]),
        ("example/events/1/state", "ONN", ["example.events.1.state: unknown state 'ONN'; did you mean 'ON'?"]),
        ("example/events/0/label", "COOK", ["example.events.0.label: unknown label 'COOK'; did you mean 'COOKING'?"]),
        ("example/events/0/time", "25:00:00", ["example.events.0.time: '25:00:00' does not match"]),
        ("example/events/0/room", "x", ["example.events.0.room: unknown key 'room'; known: time, sensor"]),
        ("rules", [{"text": "a"}], ["rules.0: 'origin' is missing"]),
        ("rules", [{"text": "a", "origin": "date"}], ["rules.0.origin: 'date' is not one", "did you mean 'data'?"]),
        ("rules", [{"txt": "a", "text": "a", "origin": "data"}], ["rules.0.txt: unknown key", "did you mean 'text'?"]),
        ("rules", [""], ["rules.0: '' should be non-empty"]),
        ("rules", [1], ["rules.0: 1 is not of type 'string', 'object'"]),
        ("aliases", {"COOKIN": ["fry"]}, ["aliases.COOKIN: unknown label 'COOKIN'; did you mean 'COOKING'?"]),
        (
            "common_labels",
            {**COMMON, "COOKIN": "cooking"},
            ["common_labels.COOKIN: unknown label 'COOKIN'; did you mean"],
        ),
        (
            "common_labels",
            {"COOKING": "cooking"},
            ["common_labels: no common label for 'drinking water, coffee or drinks', 'EATING'"],
        ),
        ("common_labels", {"COOKING": "cookng"}, ["common_labels.COOKING: 'cookng' is not one of"]),
        ("aliases", {"COOKING": "fry"}, ["aliases.COOKING: 'fry' is not of type 'array' (write [fry])"]),
        ("aliases", {"COOKING": ["eating"]}, ["aliases.COOKING.0: 'eating' is already read as the label 'EATING'"]),
        ("aliases", {"COOKING": ["_Cooking "]}, ["aliases.COOKING.0: '_Cooking ' is already read as the label"]),
        (
            "aliases",
            {"COOKING": ["making food"], "EATING": ["Making_Food"]},
            ["aliases.EATING.0: 'Making_Food' is already read as an alias of the label 'COOKING'; leave it out"],
        ),
        (
            "labels/2",
            "Cooking",
            ["labels.2: 'Cooking' differs from the label 'COOKING' only in case, blanks or punctuation"],
        ),
        ("labels/2", "COOKING.", ["labels.2: 'COOKING.' differs from the label 'COOKING'", "map one to the other in"]),
        ("labels/2", "ＣＯＯＫＩＮＧ", ["labels.2: 'ＣＯＯＫＩＮＧ' differs from the label 'COOKING'"]),
        ("residents", "two", ["residents: 'two' is not one of the valid values; known: one, several"]),
        ("aliases", {"COOKING": ["<think>"]}, ["aliases.COOKING.0: '<think>' holds a tag that delimits reasoning"]),
        ("labels/2", "EAT\nING", ["labels.2: 'EAT\\nING' holds line breaks, or blanks at an end; map it in"]),
        ("labels/2", "EATING ", ["labels.2: 'EATING ' holds line breaks, or blanks at an end"]),
        ("labels/2", "EAT</think>", ["labels.2: 'EAT</think>' holds a tag", "map it in recording.activities"]),
    ],
)
def test_each_mistake_is_one_line_with_place_and_remedy(tmp_path, path, value, message):
    file = write_yaml(tmp_path / "home.yaml", replace_at(HOME, path, value))
    with pytest.raises(HomeError) as raised:
        load_home(file)
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"{file}: {message[0]}")
    assert all(part in line for part in message)


def test_all_mistakes_are_reported(tmp_path):
    home = replace_at(replace_at(HOME, "nmae", "x"), "transition", "x")
    with pytest.raises(HomeError) as raised:
        load_home(write_yaml(tmp_path / "home.yaml", home))
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "top level: None is not of type 'object'"),
        ("- a\n- b\n", "top level: ['a', 'b'] is not of type 'object'"),
        ("name: [\n", "invalid YAML"),
        ("name: a\nabout: b\nname: c\n", ":3: invalid YAML: 'name' is given twice"),
        ("{[a]: b}: c\n", "invalid YAML"),
        ("name: !!python/object/apply:os.system [id]\n", "invalid YAML"),
        ("name: 2020-99-99\n", "invalid YAML"),
    ],
)
def test_a_file_that_is_no_home_is_refused(tmp_path, text, message):
    file = write_yaml(tmp_path / "home.yaml", text)
    with pytest.raises(HomeError) as raised:
        load_home(file)
    (line,) = str(raised.value).splitlines()
    assert line.startswith(str(file))
    assert message in line


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "home.yaml").write_bytes(b"name: \xff")
    with pytest.raises(HomeError, match=r"home\.yaml: invalid YAML"):
        load_home(tmp_path / "home.yaml")


def test_a_missing_home_says_what_to_copy(tmp_path):
    with pytest.raises(HomeError, match=r"other\.yaml: no such home; copy one of"):
        load_home(tmp_path / "other.yaml")


def test_keys_override_merged_keys(tmp_path):
    text = (
        yaml.safe_dump(replace_at(HOME, "rooms", ...)) + "rooms:\n  <<: {kitchen: oven, hall: ''}\n  kitchen: stove\n"
    )
    assert load_home(write_yaml(tmp_path / "home.yaml", text)).rooms == {"kitchen": "stove", "hall": ""}


def test_every_property_of_a_home_is_described():
    schema = yaml.safe_load((SCHEMAS / "home.schema.yaml").read_text(encoding="utf-8"))
    for where, part, required in schema_properties(schema):
        assert part.get("description"), where
        assert required != ("default" in part), where


def keys_of(schema):
    """Yield every key that a schema names, at any depth."""
    for key, part in schema.get("properties", {}).items():
        yield key
        yield from keys_of(part)
    for inner in ("additionalProperties", "items"):
        if isinstance(schema.get(inner), dict):
            yield from keys_of(schema[inner])


def test_the_template_names_every_key_of_the_schema():
    named = set(re.findall(r"([a-z_]+):", TEMPLATE.read_text()))
    assert set(keys_of(yaml.safe_load((SCHEMAS / "home.schema.yaml").read_text()))) - named == set()
