"""Find the states of sensors in recorded rows, and those that cannot be described one by one."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import pandas as pd

from hearth.onboarding.draft.columns import NO_STATES, STATE_WORDS
from hearth.onboarding.draft.recording import DraftedRecording

# A sensor with more states measures a quantity, or reads tags, whose states cannot be described one by one.
MOST_STATES = 12
_MEASURED = re.compile(r"-?\d+[.,]\d+")
_NUMBERS = "[0-9]*"  # pattern of states that begin with a digit
_SHOWN = 15


def describe_states(recorded: pd.DataFrame, draft: DraftedRecording) -> dict[str, list[str]]:
    """Return the states of each sensor; write those that are left out into `draft`."""
    counts = recorded.groupby(["sensor", "state"], sort=True).size()
    label_sensor = draft.settings.get("label_rows", {}).get("sensor")
    ignored = sorted({state for _, state in counts.index if state.lower() in NO_STATES})
    if ignored:
        draft.settings["ignored_states"] = ignored
        total = int(counts[counts.index.get_level_values("state").isin(ignored)].sum())
        draft.said.append(f"{total} rows with the states {', '.join(ignored)} are left out (ignored_states)")
    states: dict[str, list[str]] = {}
    left_out = draft.settings.get("ignored_sensors", [])
    for sensor, state in counts.index:
        if any(fnmatchcase(sensor, pattern) for pattern in left_out):
            continue
        if state not in ignored and sensor and sensor != label_sensor:
            states.setdefault(sensor, []).append(state)
    _leave_out_numbers(states, counts, draft)
    measuring = {sensor: each for sensor, each in states.items() if _is_measuring(each)}
    if measuring:
        kept = [name for name in states if name not in measuring]
        draft.settings["ignored_sensors"] = [*left_out, *_patterns(sorted(measuring), kept)]
        for sensor, each in list(measuring.items())[:_SHOWN]:
            kind = "numbers" if all(re.fullmatch(r"-?\d+([.,]\d+)?", state) for state in each) else "texts"
            draft.said.append(
                f"sensor {sensor}: {int(counts[sensor].sum())} rows with {len(each)} states, {kind}, are left out "
                "(ignored_sensors)"
            )
        if len(measuring) > _SHOWN:
            draft.said.append(f"and {len(measuring) - _SHOWN} more sensors are left out (ignored_sensors)")
    described = {sensor: each for sensor, each in states.items() if sensor not in measuring}
    for sensor, each in described.items():
        total = int(counts[sensor].sum())
        if rare := [state for state in each if counts[sensor, state] <= min(2, total // MOST_STATES)]:
            draft.said.append(
                f"sensor {sensor}: the states {', '.join(map(repr, rare))} are in one or two of {total} rows; if they "
                "are damaged, leave the states out of the yaml, so that the rows are broken"
            )
    return described


def _patterns(ignored: Sequence[str], kept: Sequence[str]) -> list[str]:
    """Return `ignored` as names, escaped where the name of one would match a sensor of `kept` as a pattern."""
    names = [re.sub(r"([\[*?])", r"[\1]", name) for name in ignored]
    return [name for name in names if not any(fnmatchcase(other, name) for other in kept)]


def _leave_out_numbers(states: dict[str, list[str]], counts: pd.Series, draft: DraftedRecording) -> None:
    """Take the numbers of sensors that would measure without them, but report ON and OFF, too, from `states`.

    They stay where other sensors have states that begin with a digit, which the pattern would leave out as well.
    """
    words = {sensor: [state for state in each if not fnmatchcase(state, _NUMBERS)] for sensor, each in states.items()}
    mixed = [
        sensor
        for sensor, each in states.items()
        if _is_measuring(each)
        and not _is_measuring(words[sensor])
        and sum(state.lower() in STATE_WORDS for state in words[sensor]) > 1
    ]
    if not mixed or any(words[sensor] != each for sensor, each in states.items() if not _is_measuring(each)):
        return
    draft.settings["ignored_states"] = [*draft.settings.get("ignored_states", []), _NUMBERS]
    for sensor in mixed:
        total = int(counts[sensor].sum() - counts[sensor][words[sensor]].sum())
        draft.said.append(f"sensor {sensor}: {total} rows with numbers among its states are left out (ignored_states)")
        states[sensor] = words[sensor]


def _is_measuring(states: Sequence[str]) -> bool:
    return len(states) > MOST_STATES or any(map(_MEASURED.fullmatch, states))
