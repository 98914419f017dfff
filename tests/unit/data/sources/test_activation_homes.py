"""Test shipped homes whose files list activations of sensors, on invented files of their forms.

`tests/cases/public_homes.yaml` has what their real files hold.
"""

import pytest
from hearth.data.events import check_events
from hearth.data.sources import registry
from hearth.homes.home import load_home
from repository import HOMES

LINE = "-" * 20


def load(root, name):
    home = load_home(HOMES / f"{name}.yaml")
    events, report = registry.read("table", root, home)
    check_events(events, home)
    assert report.rows == report.loaded + len(report.broken) + sum(report.skipped.values())
    return events, report


def facts(events):
    clock = events["time"].dt.strftime("%d %H:%M:%S")
    return list(zip(clock, events["description"], events["activity"], strict=True))


def write(path, *lines, end="\r\n"):
    path.write_bytes(end.join(lines).encode())


def test_preamble_dashes_and_footer_of_kasteren_a_are_no_rows(tmp_path):
    names, dashes = "Start time          \tEnd time            \tID", f"{LINE}\t{LINE}\t--"
    write(
        tmp_path / "kasterenSenseData.txt",
        "Start time: Time sensor started firing",
        *["ID: sensor id (see list below)"] * 4,
        "Sensor IDs are: ",
        *["    [ 1]    'Microwave'         "] * 14,
        "",
        f"{names}\tVal",
        f"{dashes}\t---",
        "03-Mar-2008 08:00:00\t03-Mar-2008 08:00:09\t8\t1",
        "03-Mar-2008 08:00:09\t03-Mar-2008 08:01:00\t14\t1",
        "04-Mar-2008 09:00:00\t04-Mar-2008 09:00:01\t12\t1",
        "Length: 3",
    )
    write(
        tmp_path / "kasterenActData.txt",
        *["Start time: start of an activity"] * 12,
        "",
        names,
        dashes,
        "03-Mar-2008 07:59:00\t03-Mar-2008 08:00:30\t13",
        "03-Mar-2008 08:00:09\t03-Mar-2008 08:00:20\t4",
        "Length: 2",
    )
    events, report = load(tmp_path, "kasteren-a")
    assert facts(events) == [
        ("03 08:00:00", "kitchen fridge opened", "prepare Breakfast"),
        ("03 08:00:09", "kitchen fridge closed", "use toilet"),
        ("03 08:00:09", "toilet toilet flush started", "use toilet"),
    ]
    assert report.skipped == {"comment": 23, "no activity (unlabelled: drop)": 3}
    assert (report.broken, report.label_rows, report.broken_labels) == ([], 2, [])


def test_files_of_kasteren_b_have_no_names_of_columns_and_an_unknown_sensor_is_left_out(tmp_path):
    rows = [f"24-Jul-2009 17:00:0{second}\t24-Jul-2009 17:00:09\t{sensor}\t" for second, sensor in ((1, 7), (2, 23))]
    write(tmp_path / "houseB-ss.txt", *rows, "")
    write(tmp_path / "houseB-as.txt", "24-Jul-2009 16:59:00\t24-Jul-2009 17:00:05\t14", "", end="\n")
    events, report = load(tmp_path, "kasteren-b")
    assert facts(events) == [("24 17:00:01", "hall front door opened", "leave-house")]
    assert report.skipped == {"sensor 23 (ignored_sensors)": 2, "no activity (unlabelled: drop)": 1}
    assert report.broken == []


def test_runs_of_tabs_of_ordonez_divide_cells_and_a_label_that_ends_before_its_begin_is_broken(tmp_path):
    head = "Start time          \tEnd time            \t"
    write(
        tmp_path / "OrdonezB_Sensors.txt",
        f"{head}Location\tType\t\tPlace",
        f"{LINE}\t{LINE}\t--------\t--------\t-----",
        "2012-11-12 08:00:00 \t\t2012-11-12 08:00:05\t\tDoor\t\t\tPIR\t\tKitchen",
        "2012-11-12 07:00:00\t\t2012-11-12 07:00:05\t\tDoor\t\t\tPIR\t\tBedroom",
        "2012-11-12 09:30:00\t\t2012-11-12 09:30:05\t\tSeat\t\tPressure\tLiving",
    )
    write(
        tmp_path / "OrdonezB_ADLs.txt",
        f"{head}Activity\t",
        f"{LINE}\t{LINE}\t--------\t",
        "2012-11-12 06:00:00\t\t2012-11-12 08:10:00 \t\tSleeping\t\t",
        "2012-11-12 09:00:00\t\t2012-11-11 09:40:00\t\tSpare_Time/TV\t",
        "2012-11-12 10:00:00\t\t2012-11-12 10:40:00\t\tDinner\t",
    )
    events, report = load(tmp_path, "ordonez-b")
    assert facts(events) == [
        ("12 07:00:00", "bedroom motion at the door detected", "Sleeping"),
        ("12 07:00:05", "bedroom motion at the door ended", "Sleeping"),
        ("12 08:00:00", "kitchen motion at the door detected", "Sleeping"),
        ("12 08:00:05", "kitchen motion at the door ended", "Sleeping"),
    ]
    assert report.skipped == {"comment": 1, "its activity is in a broken label row": 2}
    assert [problem.line for problem in report.broken_labels] == [4]


@pytest.mark.parametrize("name", ["mit-1", "mit-2"])
def test_blocks_of_mit_may_be_in_any_order_and_a_day_that_does_not_exist_is_broken(tmp_path, name):
    sensor = {"mit-1": "100", "mit-2": "112"}[name]
    write(
        tmp_path / "activities_data.csv",
        *["Toileting,4/30/2003,21:5:0,21:9:0", sensor, "Toilet Flush ", "21:5:23", "0:2:3"],
        *["Toileting,4/31/2003,21:5:0,21:9:0", f"{sensor},{sensor}", "x,y", "21:5:23,21:6:0", "21:5:24,21:7:0"],
        *["Bathing,4/1/2003,7:0:0,7:1:0", sensor, "Toilet Flush ", "7:0:9", "7:0:59", ""],
    )
    events, report = load(tmp_path, name)
    assert facts(events) == [
        ("01 07:00:09", "bathroom toilet flush started", "Bathing"),
        ("01 07:00:59", "bathroom toilet flush stopped", "Bathing"),
        ("30 21:05:23", "bathroom toilet flush started", "Toileting"),
        ("01 00:02:03", "bathroom toilet flush stopped", "Toileting"),
    ]
    assert [problem.line for problem in report.broken] == [6, 6]
    assert report.records == 4
