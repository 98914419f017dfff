"""Load recorded tables of public homes as they come, and count their events by another algorithm than the loader's."""

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime

from hearth.data.sources import table
from hearth.homes.home import Sensor
from hearth.homes.raw_format import parse_recording
from real_data import SHARED, needs_data
from table_factories import HOME

ORDONEZ_A = SHARED / "public_homes" / "uci-ordonez-a"
RECORDING = {
    "files": "*_Sensors.txt",
    "format": "csv",
    "delimiter": "tabs",
    "comments": ["---"],
    "columns": {"begin": "Start time", "end": "End time", "sensor": ["Place", "Location"]},
    "sessions": {"by": "day"},
    "several": "any",
    "unlabelled": "none",
    "intervals": {
        "files": "*_ADLs.txt",
        "columns": {"begin": "Start time", "end": "End time", "activity": "Activity"},
    },
}


def rows_of(path):
    """Return the cells of the rows below the two lines of the header."""
    lines = path.read_text().splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"\t+", line.strip())] for line in lines if line.strip()]


def clock(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


@needs_data(ORDONEZ_A)
def test_ordonez_a_as_it_comes_has_the_labels_of_an_independent_count():
    spans = [
        (clock(begin), clock(end), place + " " + location)
        for begin, end, location, _, place in rows_of(ORDONEZ_A / "OrdonezA_Sensors.txt")
    ]
    labels = [(clock(begin), clock(end), what) for begin, end, what in rows_of(ORDONEZ_A / "OrdonezA_ADLs.txt")]
    good = [row for row in labels if row[1] >= row[0]]
    sensors = {name: Sensor("kitchen", name, {"ON": "on", "OFF": "off"}) for _, _, name in spans}
    names = (*sorted({what for _, _, what in labels}), "none")
    home = replace(HOME, sensors=sensors, labels=names, recording=parse_recording(RECORDING))
    events, report = table.read(ORDONEZ_A, home)

    assert (
        (report.rows - report.skipped["comment"], report.label_rows) == (2 * len(spans), len(labels)) == (2 * 409, 248)
    )
    assert [problem.line for problem in report.broken_labels] == [72, 81, 83]
    assert report.broken == []
    expected = Counter()
    for begin, end, name in spans:
        for time, state in ((begin, "on"), (end, "off")):
            inside = [row for row in good if row[0] <= time <= row[1]]
            last = max(inside, key=lambda row: row[0], default=(None, None, "none"))
            expected[name, state, last[2]] += 1
    found = Counter(zip(events["sensor"], events["state"], events["activity"], strict=True))
    lost = report.skipped["its activity is in a broken label row"]
    missing = expected - found
    assert not found - expected
    assert sum(missing.values()) == lost + report.skipped["duplicate row"]
    assert {label for _, _, label in missing} == {"none"}
    inside = sum(count for (_, _, label), count in expected.items() if label != "none")
    assert f"{inside} of 818 events lie in intervals of the label files" in report.notes
    assert not any("out of order" in note for note in report.notes)
