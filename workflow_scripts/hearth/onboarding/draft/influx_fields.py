"""Choose one of several fields that InfluxDB has of one update of a sensor, so that each update is one event."""

import pandas as pd

from hearth.onboarding.draft.columns import Roles

_FIELD = "_field"
_USUAL = ("state", "value")  # fields of the state itself, the likeliest first


def take_fields(cells: pd.DataFrame, roles: Roles) -> None:
    """Add the field to the id of sensors if some sensor has several; leave the other fields of such sensors out.

    Without it, the rows of all fields would be events of the same sensor.
    """
    sensor = roles.columns.get("sensor", [])
    if not sensor or _FIELD in sensor or _FIELD not in cells:
        return
    pairs = cells[[*sensor, _FIELD]].drop_duplicates()
    counts = cells[_FIELD].value_counts()
    if not pairs.duplicated(sensor).any():
        return
    kept = next((name for name in _USUAL if name in counts), str(counts.index[0]))
    roles.columns["sensor"] = [*sensor, _FIELD]
    others = [str(name) for name in counts.index if name != kept]
    names = pairs[sensor].agg(" ".join, axis=1)
    having = set(names[pairs[_FIELD] == kept])
    if having == set(names):
        roles.ignored_sensors = [f"* {name}" for name in others]
    else:
        left_out = names.isin(having) & (pairs[_FIELD] != kept)
        roles.ignored_sensors = sorted(names[left_out] + " " + pairs.loc[left_out, _FIELD])
    counted = ", ".join(f"{name} ({count} rows)" for name, count in counts.items())
    roles.open.append(
        f"{_FIELD}: updates of a sensor have several fields, {counted}; {kept} is taken for its state, and the others "
        "are left out (ignored_sensors)"
    )
