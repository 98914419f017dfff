"""What can be doubtful about a trace, each doubt a flag that a program can raise without the ground truth.

A flag is a hint, not a verdict: reasoning is free text, and a room may be named in order to say that nobody is there.
Whether a flag tells right traces from wrong ones is measured (`evaluation.audit`), not assumed. No text raises.
"""

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from hearth.homes.home import Home
from hearth.prompting.parsing import last_list, split_reasoning

# Share of letters in a script that neither prompt nor window has, above which the language is taken to have changed.
FOREIGN_SHARE = 0.01
# A loop goes on to the end, so that only so many of the last bytes are looked at, and only in texts that have as many.
TAIL_BYTES = 1000
# Compressed size of that tail per byte, below which it is a loop.
LOOP_RATIO = 0.1
# Of what raises a flag, so many things are told, and so many characters of each.
SHOWN, SHOWN_CHARACTERS = 5, 100

_TIME = re.compile(r"(?<![\d:.])(\d{1,2}:\d\d:\d\d)(?![\d:])")
_ORDER = re.compile(
    r"\bevent #?(?P<first>\d{1,3}) (?:(?:is|was|happens|happened|comes|came|occurs|occurred) )?(?:(?:just|right) )?"
    r"(?P<order>before|after) event #?(?P<second>\d{1,3})\b(?![^.!?\n]{0,200}\?)"
)
_MARKS = r"[ *\"'`(\[#:=-]{0,6}+"
_SAYS = (
    r"[ *\"'`)\]]{0,4}+(?:\||:|->|=>|=|→|–|—|-|\bis\b|\bwas\b|, ?[\"']?(?:activity|label)[\"']? ?[:=])[ *\"'`]{0,4}+"
)


class Vocabulary:
    """The names that a home gives to its rooms, sensors and labels, found in free text.

    The longest name that fits is the one that is meant: a room in the name of a sensor is no room. The home's rules
    are taken for names too, so that quoting one names nothing else.
    """

    def __init__(self, home: Home):
        self.labels = set(home.labels)
        kinds = {}
        for sensor in home.sensors.values():
            kinds[plain(sensor.words)] = kinds[plain(f"{sensor.room} {sensor.words}")] = "sensor"
        kinds |= {plain(room): "room" for room in home.rooms}
        kinds |= {plain(rule.rstrip(". ")): "rule" for rule in home.rules}
        kinds |= {plain(label): "label" for label in home.labels}
        self._kinds = kinds
        self._names = re.compile(_whole(kinds))
        labels = _whole(map(plain, home.labels))
        self._stated = re.compile(
            rf"(?:^|\||\bevents?\b|\bids?\b){_MARKS}(?P<event>\d{{1,3}}){_SAYS}(?P<label>{labels})(?! ?(?:or\b|\?|/))",
            re.MULTILINE,
        )

    def named(self, kind: str, text: str) -> set[str]:
        """The names of a kind ("room", "sensor", "label") in a text, in their plain spelling."""
        return {name for name in self._names.findall(plain(text)) if self._kinds[name] == kind}

    def stated(self, text: str) -> dict[int, str]:
        """The label, in its plain spelling, that a text puts beside the number of an event; the last one counts."""
        lines = "\n".join(map(plain, text.splitlines()))
        return {int(found["event"]): found["label"] for found in self._stated.finditer(lines)}


@dataclass(frozen=True)
class Trace:
    """A window, what a recogniser wrote about it and what was read from that: a row of parsed.jsonl.

    `prompt` is the rendered prompt that it was asked with.
    """

    vocabulary: Vocabulary
    prompt: dict
    window: dict
    row: dict

    @property
    def reasoning(self) -> str:
        """All that was written before the answer."""
        return self.row["reasoning"]

    @property
    def labels(self) -> dict[int, str]:
        """The labels that were read, by event, in their plain spelling."""
        return {event: plain(label) for event, label in enumerate(self.row["labels"], start=1) if label is not None}

    @cached_property
    def answer(self) -> tuple[list, str]:
        """(the answer's list, what is written after it); no list is an empty one, with nothing after it."""
        answer = split_reasoning(self.row["text"])[1] or ""
        found = last_list(answer)
        return (found[0], answer[found[2] :]) if found else ([], "")

    def absent(self, kind: str) -> list[str]:
        """Names of a kind in the reasoning that stand in no description of the window."""
        described = plain("\n".join(event["description"] for event in self.window["events"]))
        named = self.vocabulary.named(kind, self.reasoning)
        return [name for name in named if not re.search(_whole([name]), described)]


def plain(text: str) -> str:
    """A text in small letters, each run of spaces and underscores a single space."""
    return re.sub(r"[\s_]+", " ", text).strip().casefold()


def _whole(names: Iterable[str]) -> str:
    """A regular expression of any of some names, as whole words, the longest first."""
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"


def _answer_incomplete(trace: Trace) -> list[str]:
    return [] if trace.row["status"] in ("ok", "unknown_label") else [trace.row["status"]]


def _label_unknown(trace: Trace) -> list[str]:
    given = [item.get("activity") for item in trace.answer[0] if isinstance(item, dict)]
    return [label for label in given if isinstance(label, str) and label not in trace.vocabulary.labels]


def _label_unargued(trace: Trace) -> list[str]:
    if not trace.reasoning:
        return []
    return list(set(trace.labels.values()) - trace.vocabulary.named("label", trace.reasoning))


def _label_contradicted(trace: Trace) -> list[str]:
    labels = trace.labels
    stated = trace.vocabulary.stated(trace.reasoning)
    return [
        f"event {event}: {label}, answered {labels[event]}"
        for event, label in stated.items()
        if event in labels and label != labels[event]
    ]


def _sensor_absent(trace: Trace) -> list[str]:
    return trace.absent("sensor")


def _room_absent(trace: Trace) -> list[str]:
    return trace.absent("room")


def _time_unknown(trace: Trace) -> list[str]:
    known = {event["time"] for event in trace.window["events"]}
    return [time for time in _TIME.findall(trace.reasoning) if time.zfill(8) not in known]


def _order_contradicted(trace: Trace) -> list[str]:
    times = {event["id"]: event["time"] for event in trace.window["events"]}
    wrong = []
    for found in _ORDER.finditer(plain(trace.reasoning)):
        first, second = int(found["first"]), int(found["second"])
        earlier, later = (first, second) if found["order"] == "before" else (second, first)
        # Events are numbered as they happened; those of the same second may be told in either order.
        if earlier > later and {earlier, later} <= times.keys() and times[earlier] != times[later]:
            wrong.append(found[0])
    return wrong


def _text_after_answer(trace: Trace) -> list[str]:
    # What ends a code block says nothing.
    after = trace.answer[1].strip().removeprefix("```").strip()
    return [after] if after else []


def _foreign_script(trace: Trace) -> list[str]:
    asked = trace.prompt["system"] + "".join(event["description"] for event in trace.window["events"])
    own, used = _scripts(asked), _scripts(trace.row["text"])
    foreign = {script: count for script, count in used.items() if script not in own}
    return list(foreign) if sum(foreign.values()) > FOREIGN_SHARE * sum(used.values()) else []


def _scripts(text: str) -> Counter[str]:
    """Letters of each script: the first word of a letter's name in Unicode is its script."""
    scripts = Counter()
    for letter, count in Counter(text).items():
        if letter.isalpha():
            scripts[unicodedata.name(letter, "?").split()[0]] += count
    return scripts


def _reasoning_empty(trace: Trace) -> list[str]:
    return ["no reasoning"] if trace.prompt["reasoning"] != "none" and not trace.reasoning.strip() else []


def _repetitive(trace: Trace) -> list[str]:
    tail = trace.row["text"].encode(errors="replace")[-TAIL_BYTES:]
    loop = len(tail) == TAIL_BYTES and len(zlib.compress(tail, 9)) < LOOP_RATIO * TAIL_BYTES
    return ["its end repeats itself"] if loop else []


def _truncated(trace: Trace) -> list[str]:
    return ["cut at the token limit"] if trace.row["finish_reason"] == "length" else []


def _reasoning_unclosed(trace: Trace) -> list[str]:
    return ["never closed"] if trace.row["status"] == "unclosed_reasoning" else []


@dataclass(frozen=True)
class Flag:
    """A doubt: what it says of a trace, and the check that finds in a trace what raises it (nothing: not raised)."""

    says: str
    check: Callable[[Trace], list[str]]


FLAGS = {
    "answer_incomplete": Flag("the answer does not cover every event", _answer_incomplete),
    "label_unknown": Flag("the answer has a label that is none of the home's", _label_unknown),
    "label_unargued": Flag("the answer has a label that the reasoning never mentions", _label_unargued),
    "label_contradicted": Flag("the reasoning gives an event another label than the answer", _label_contradicted),
    "sensor_absent": Flag("the reasoning names a sensor of the home that is not in the window", _sensor_absent),
    "room_absent": Flag("the reasoning names a room of the home that is not in the window", _room_absent),
    "time_unknown": Flag("the reasoning names a time (HH:mm:ss) that is no event's", _time_unknown),
    "order_contradicted": Flag("the reasoning says that one event came before an earlier one", _order_contradicted),
    "text_after_answer": Flag("something is written after the answer", _text_after_answer),
    "foreign_script": Flag("more than 1 % of the letters are of a script that prompt and window lack", _foreign_script),
    "reasoning_empty": Flag("there is no reasoning, though it was asked for", _reasoning_empty),
    "repetitive": Flag("the text ends in a loop: its end compresses to less than a tenth", _repetitive),
    "truncated": Flag("the text was cut at the token limit", _truncated),
    "reasoning_unclosed": Flag("the reasoning never closes", _reasoning_unclosed),
}


def raised(trace: Trace) -> dict[str, list[str]]:
    """The flags of a trace and what raises each: sorted, and no more of it than one can take in."""
    found = {name: sorted(set(flag.check(trace)))[:SHOWN] for name, flag in FLAGS.items()}
    return {name: [_excerpt(reason) for reason in reasons] for name, reasons in found.items() if reasons}


def _excerpt(text: str) -> str:
    """The beginning of a text; half a character, which JSON in an answer can spell, is in no file."""
    return text[:SHOWN_CHARACTERS].encode(errors="replace").decode()
