"""Test which states of sensors a draft describes, and which it leaves out."""

import yaml
from hearth.onboarding.draft.home_draft import draft_home


def draft(root, *, others=()):
    """Return the draft of two days of lines in the form of CASAS's release of 2025: a bed that also reports numbers."""
    states = [state for number in range(30) for state in ("ON", "OFF", str(number))]
    rows = [(f"2016-02-0{1 + n // 45},08:{n % 45:02d}:00", "BedroomABed", state) for n, state in enumerate(states)]
    rows += [(f"2016-02-0{1 + n % 2},09:{n:02d}:00", "KitchenATemperature", f"{n}.5") for n in range(20)]
    rows += [(f"2016-02-0{1 + n % 2},10:{n:02d}:00", sensor, state) for n, (sensor, state) in enumerate(others)]
    lines = [f"{time},{sensor},{state},{'Sleep' if n % 3 else 'Read'}" for n, (time, sensor, state) in enumerate(rows)]
    (root / "tm001.csv").write_text("\n".join(lines) + "\n")
    text = draft_home(root, "schema")
    return yaml.safe_load(text), text


def test_numbers_among_the_states_of_a_switch_are_left_out_and_the_switch_is_kept(tmp_path):
    home, text = draft(tmp_path)
    assert set(home["sensors"]["BedroomABed"]["states"]) == {"ON", "OFF"}
    assert home["recording"]["ignored_states"] == ["[0-9]*"]
    assert home["recording"]["ignored_sensors"] == ["KitchenATemperature"]
    assert "sensor BedroomABed: 30 rows with numbers among its states are left out (ignored_states)" in text
    assert "110 rows give 60 events" in text


def test_numbers_are_not_left_out_where_a_sensor_has_no_other_states(tmp_path):
    home, _ = draft(tmp_path, others=[("HallA", "0"), ("HallA", "1")])
    assert set(home["sensors"]["HallA"]["states"]) == {"0", "1"}
    assert "ignored_states" not in home["recording"]
    assert "BedroomABed" in home["recording"]["ignored_sensors"]
