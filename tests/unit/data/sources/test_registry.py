"""Test the registry of sources, and that the config's schema names its sources and the window kinds."""

from dataclasses import replace

import pytest
import yaml
from config_factories import SCHEMAS
from hearth.data.sources.registry import SOURCES, check_recording, raw_files, read
from hearth.data.windows import WINDOW_KINDS
from hearth.homes.home import load_home
from hearth.simulation.formats import FORMATS
from repository import HOMES
from table_factories import HOME

SCHEMA = yaml.safe_load((SCHEMAS / "config.schema.yaml").read_text(encoding="utf-8"))["properties"]


def test_the_schema_lists_the_sources_and_the_window_kinds():
    dataset = SCHEMA["datasets"]["additionalProperties"]["properties"]
    assert dataset["source"]["enum"] == list(SOURCES)
    assert SCHEMA["windows"]["properties"]["by"]["enum"] == list(WINDOW_KINDS)


def test_every_simulated_format_has_a_source():
    assert FORMATS.keys() <= SOURCES.keys()


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_without_data_says_what_was_expected(tmp_path, source):
    with pytest.raises(ValueError, match="here: expected"):
        raw_files(source, tmp_path, HOME)
    with pytest.raises(ValueError, match="no folder given: "):
        raw_files(source, "", HOME)


def home_with_keys(*keys):
    return replace(HOME, recording=replace(HOME.recording, keys=frozenset(keys)))


@pytest.mark.parametrize(
    ("source", "keys", "unused"),
    [
        ("casas", ["files", "time.zone", "sessions.by", "ignored_states"], ""),
        ("casas", ["files", "intervals.files", "time.format"], "recording.intervals.files, recording.time.format"),
        ("casas", ["groups"], "recording.groups"),
        ("marble", ["sessions.by"], "recording.sessions.by"),
        ("mural", ["activities"], "recording.activities"),
        ("table", ["groups", "wide.start", "joiner"], ""),
    ],
)
def test_keys_that_a_source_does_not_use_are_refused(tmp_path, source, keys, unused):
    if not unused:
        check_recording(source, home_with_keys(*keys))
        return
    for refuse in (check_recording, lambda source, home: read(source, tmp_path, home)):
        with pytest.raises(ValueError, match=f"home Flat: {unused}: not used by `source: {source}`"):
            refuse(source, home_with_keys(*keys))


@pytest.mark.parametrize(("residents", "people", "warned"), [("one", "ab", 1), ("one", "aa", 0), ("several", "ab", 0)])
def test_events_of_several_residents_in_a_home_of_one_are_a_warning(tmp_path, residents, people, warned):
    rows = [f"2024-02-03 08:00:0{second},E1,ON,cooking,{name}" for second, name in enumerate(people)]
    (tmp_path / "a.csv").write_text("\n".join(["time,sensor,state,activity,person", *rows]))
    recording = replace(HOME.recording, columns=HOME.recording.columns | {"resident": ("person",)})
    _, report = read("table", tmp_path, replace(HOME, residents=residents, recording=recording))
    assert len([warning for warning in report.warnings if "name 2: 'a', 'b'" in warning]) == warned


def test_the_keys_of_the_sources_are_keys_of_the_schema():
    recording = yaml.safe_load((SCHEMAS / "home.schema.yaml").read_text())["properties"]["recording"]["properties"]
    known = set(recording)
    for key, schema in recording.items():
        known |= {f"{key}.{inner}" for inner in schema.get("properties", {})}
    for source in SOURCES.values():
        assert (source.recording_keys or set()) <= known


@pytest.mark.parametrize("path", sorted(HOMES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_homes_of_the_project_set_only_keys_that_some_source_uses(path):
    home = load_home(path)
    sources = [name for name, source in SOURCES.items() if home.recording.keys <= (source.recording_keys or set())]
    assert sources or home.recording.columns


def test_ignored_files_are_unread_on_purpose(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "a.csv").write_text("time,sensor,state,activity\n2024-02-03 08:00:00,E1,ON,cooking\n")
    for name in ("plan.txt", "more/b.txt", "more/c.txt"):
        (tmp_path / name).write_text("x\n")
    for patterns, unread in (((), 3), (("more/*",), 1), (("**/*.txt",), 0), (("nothing*",), 3)):
        _, report = read("table", tmp_path, replace(HOME, recording=replace(HOME.recording, ignored_files=patterns)))
        assert len(report.unread) == unread
        assert (f"{3 - unread} files are left unread (ignored_files)" in report.notes) == bool(patterns)
