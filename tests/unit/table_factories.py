"""Make a home and CSV tables of its events, and load such tables, for the tests of the source `table`."""

from dataclasses import fields, replace

from hearth.data.events import check_events
from hearth.data.sources import table
from hearth.homes.home import Home, Sensor
from hearth.homes.raw_format import FileForm, Recording, TimeForm
from hypothesis import strategies as st

COLUMNS = {name: (name,) for name in ("time", "sensor", "state", "activity")}
HOME = Home(
    name="Flat",
    about="A flat for two.",
    timezone="Europe/Rome",
    rooms={"kitchen": "stove"},
    sensors={
        "E1": Sensor("kitchen", "stove", {"ON": "turned ON", "OFF": "turned OFF"}),
        "E2": Sensor("kitchen", "fan", {"ON": "turned ON"}),
    },
    labels=("cooking", "drinking water, coffee or drinks", "eating", "other"),
    rules=(),
    example={},
    transition="keep",
    recording=Recording(columns=COLUMNS),
)
HEADER = "time,sensor,state,activity"
DRINKS = "drinking water, coffee or drinks"
cell = st.one_of(
    st.sampled_from(["E1", "E2", "ON", "OFF", "cooking", "eating", "", '"ON"', '"', '"a,b"', "\0", "é", "\r", " E1 "]),
    st.sampled_from(["2024-02-03 08:00:01", "2024-02-03T07:00:00Z", "2024-13-01", "0"]),
    st.text(max_size=4),
)


def home_with(time_format="iso8601", time_zone="", **changes):
    """Return the home with other settings of `recording`, of which those of `FileForm` are named like its fields."""
    form = FileForm(**{key: changes.pop(key) for key in changes.keys() & {each.name for each in fields(FileForm)}})
    return replace(HOME, recording=replace(HOME.recording, form=form, time=TimeForm(time_format, time_zone), **changes))


def columns_with(**more):
    return COLUMNS | {role: (names,) if isinstance(names, str) else names for role, names in more.items()}


def row(second=0, sensor="E1", state="ON", activity="cooking", day=3):
    return f"2024-02-{day:02d} 08:00:{second:02d},{sensor},{state},{activity}"


def write_csv(path, *lines, header=HEADER, end="\n", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in ([header] if header else []) + list(lines)).encode(encoding))
    return path


def load(root, chosen=HOME):
    events, report = table.read(root, chosen)
    check_events(events, chosen)
    assert report.loaded == len(events)
    assert report.rows == report.loaded + len(report.broken) + sum(report.skipped.values())
    return events, report
