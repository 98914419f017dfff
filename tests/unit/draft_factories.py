"""Files of invented homes in many forms, and drafts made from them."""

import yaml
from config_factories import write_yaml
from hearth.data.events import check_events
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home
from hearth.onboarding.draft.home_draft import draft_home


def write(folder, *lines, name="log.csv", encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return folder


def head(text):
    """Return the text of the comments at the head of a draft."""
    return "\n".join(line for line in text.splitlines() if line.startswith("#"))


def finish(draft, path):
    """Write a draft to `path` with its placeholders replaced, as a person would; return the path."""
    document = yaml.safe_load(draft)
    document["about"] = "A flat in which Anna lives."
    document["example"]["reasoning"] = "Anna makes tea."
    return write_yaml(path, document)


def load(data, tmp_path):
    """Draft a yaml for the folder `data`, finish it and load the data by it; return draft, home, events and report."""
    text = draft_home(data, "schema")
    home = load_home(finish(text, tmp_path / "home.yaml"))
    source = "casas" if "SOURCE=casas" in text else "table"
    events, report = SOURCES[source].read(data, home)
    check_events(events, home)
    return text, home, events, report


ROWS = [
    ("2024-02-03 07:58:12", "kettle", "on", "Tea"),
    ("2024-02-03 07:58:30", "pir", "1", "Coming"),
    ("2024-02-04 07:58:13", "pir", "0", "Coming"),
    ("2024-02-04 07:59:13", "kettle", "off", "Tea"),
]
NAMES = ("time", "sensor", "state", "activity")


def table(delimiter=",", rows=ROWS, names=NAMES):
    return [delimiter.join(cells) for cells in ([names] if names else []) + list(rows)]
