"""Read lists and objects that are nearly JSON out of any text, in time proportional to its length.

A person reads `{id: 1, 'activity': “COOKING”,}` without a doubt; so does this module: quotes of any kind, quotes inside
quotes, names without quotes, bold names, full-width punctuation, comments, missing and trailing commas, missing
brackets. What it cannot know it marks: a string that the text ends in is not `complete`.

The library json-repair reads many of these forms too, but does not keep apart what cannot be known. Of a cut string it
makes a whole one, and of two values with one name it keeps the last; it also needs quadratic time for texts such as
`["a["a["a`: 0.3 s for 4,000 characters, and completions that loop have 100,000.
"""

import json
import re
from dataclasses import dataclass, field
from typing import NamedTuple

# Objects and lists below this depth are read as part of the one around them.
_MAX_DEPTH = 40
# A value without quotes that is longer, in characters, ends at its next comma.
_MAX_VALUE = 500

_QUOTES = {'"': '"', "'": "'", "“”„‟＂«»「」『』": "“”„‟＂«»「」『』", "‘’‚‛＇": "‘’‚‛＇"}
_ALL_QUOTES = "".join(_QUOTES)
_OBJECT = r"\s?\{?\s?\"(?:id|activity)"
# A quote closes a string only before one of these; before anything else it is a character of the string.
_FOLLOWING = rf"(?:[\s*`]*+(?:[,:;=}}\])，：；＝｝］）{_ALL_QUOTES}]|=>|->|//|/\*|\#|\Z)|[ \t*`]*+[\r\n])"


def _string_pattern(opening: str, closing: str, name: str) -> str:
    """Return the pattern of a string; its group `name` is the closing quote.

    A string without one ends with the text, or before what must be the next object or list: a bracket that begins a
    line or is followed by a key.
    """
    return (
        rf"[{opening}](?:[^{closing}\\\n\[{{]|\\[\s\S]|\n(?![ \t]*[\[{{])|[\[{{](?!{_OBJECT})"
        rf"|[{closing}](?!{_FOLLOWING}))*+(?P<{name}>[{closing}])?+"
    )


_STRINGS = [_string_pattern(*quotes, f"close{index}") for index, quotes in enumerate(_QUOTES.items())]
_TOKEN = re.compile(
    rf"(?P<blank>(?:[\s*`\u200b\ufeff]|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?+|\#[ \t][^\n]*+)++)"
    rf"|(?P<string>{'|'.join(_STRINGS)})"
    r"|(?P<open>[\[{(［｛（])|(?P<close>[\]})］｝）])|(?P<colon>=>|->|[:=：＝→])|(?P<comma>[,;|，；、｜])"
    r"|(?P<word>(?:(?!->|=>)[^\s{}\[\]()｛｝［］（）,;:=|，；：＝、｜→*`]|(?<=\d):(?=\d))++)"
)
_OPENING = re.compile(r"[\[{［｛]")
_PAIRS = {"]": "[", "}": "{", ")": "("}
_NARROW = str.maketrans("［｛（］｝）", "[{(]})")


class Scalar(NamedTuple):
    """A string, number or word. `complete` is false if the text ended before it did."""

    text: str
    quoted: bool = False
    complete: bool = True


@dataclass
class Group:
    """A list or an object: its entries in order, each with its key, None for none. Keys may occur more than once.

    `closed` says whether its own closing bracket was found.
    """

    opening: str
    entries: list[tuple[str | None, "Scalar | Group"]] = field(default_factory=list)
    closed: bool = False


class EscapedTextError(ValueError):
    """The quotes of the text are escaped: it is the content of a JSON string."""


def read_groups(text: str) -> list[Group]:
    """Return the lists and objects of `text` that are in no other one. Raises EscapedTextError."""
    groups: list[Group] = []
    position = 0
    while opening := _OPENING.search(text, position):
        group, position = _Reader(text, opening[0].translate(_NARROW)).read(opening.end())
        groups.append(group)
    return groups


def read_line(line: str) -> Group:
    """Return the entries of a line such as `id: 1, activity: "COOKING"`, which stands in no brackets."""
    try:
        group, _ = _Reader(line, "").read(0)
    except EscapedTextError:
        return Group("")
    return group


class _Reader:
    """Reads one list or object with all that it contains."""

    def __init__(self, text: str, opening: str) -> None:
        self.text = text
        self.stack = [Group(opening)]
        self.key: str | None = None
        self.pending: list[tuple[int, int, Scalar]] = []  # read since the last comma or colon, with their positions

    def read(self, position: int) -> tuple[Group, int]:
        """Return the group whose content begins at `position`, and the position after its end."""
        root = self.stack[0]
        while token := _TOKEN.match(self.text, position):
            start, position = token.span()
            match token.lastgroup:
                case "open" if token[0] not in "(（" or not self.pending:
                    self._open(token[0].translate(_NARROW))
                case "close" if self._closes(token[0].translate(_NARROW)):
                    self._flush()
                    self._close(_PAIRS[token[0].translate(_NARROW)])
                    if not self.stack:
                        return root, position
                case "comma":
                    self._flush()
                case "colon":
                    self._colon(start, position)
                case "word" | "open" | "close":
                    if token[0][0] == "\\":
                        raise EscapedTextError
                    self.pending.append((start, position, Scalar(token[0])))
                case "blank":
                    pass
                case _:
                    self.pending.append((start, position, _string(token)))
        self._flush(complete=root.opening == "")
        return root, len(self.text)

    def _open(self, opening: str) -> None:
        key = self.key
        if self.pending and (self.pending[-1][2].complete or any(map(str.isdigit, key or ""))):
            key = None  # Only a bracket in a string that never closes is in what the key names, but in no event.
        self._flush()
        if len(self.stack) < _MAX_DEPTH:
            group = Group(opening)
            self.stack[-1].entries.append((key, group))
            self.stack.append(group)

    def _closes(self, closing: str) -> bool:
        """Whether a bracket closes anything; if not, a round one is a character of a word."""
        return closing != ")" or self.stack[-1].opening == "("

    def _close(self, opening: str) -> None:
        """Leave the innermost group that this bracket closes, and those inside it; none if it closes none."""
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth].opening == opening:
                self.stack[depth].closed = True
                del self.stack[depth:]
                return

    def _colon(self, start: int, end: int) -> None:
        if not self.pending:
            return
        first, _, last = self.pending[-1]
        if self.key is None:
            self.key, self.pending = self._join().text, []
        elif len(self.pending) > 1 and (
            last.quoted or self.pending[-2][2].text.isdigit() or "\n" in self.text[self.pending[-2][1] : first]
        ):
            self.pending.pop()  # The comma before this key is missing.
            self._flush()
            self.key = last.text
        else:
            self.pending.append((start, end, Scalar(self.text[start:end])))

    def _join(self) -> Scalar:
        """Return what is pending as one scalar: its text as it stands there."""
        if len(self.pending) == 1:
            return self.pending[0][2]
        text = self.text[self.pending[0][0] : self.pending[-1][1]]
        return Scalar(text, complete=all(scalar.complete for _, _, scalar in self.pending))

    def _flush(self, complete: bool = True) -> None:
        """Add what is pending to the innermost group. It is incomplete if the text ends here."""
        entries = self.stack[-1].entries
        key, self.key = self.key, None
        pending = [scalar for _, _, scalar in self.pending]
        if not pending:
            return
        if key is None and all(scalar.quoted for scalar in pending):
            entries.extend((None, scalar) for scalar in pending)
        else:
            scalar = self._join()
            if not scalar.quoted:
                scalar = scalar._replace(complete=scalar.complete and complete)
            name, before = entries[-1] if entries else (None, None)
            if (
                key is None
                and name
                and isinstance(before, Scalar)
                and not before.quoted
                and len(before.text) < _MAX_VALUE
            ):
                text = f"{before.text}, {scalar.text}"  # A value without quotes holds a comma.
                entries[-1] = name, Scalar(text, complete=scalar.complete)
            else:
                entries.append((key, scalar))
        self.pending = []


def _string(token: re.Match[str]) -> Scalar:
    """Return the string of a token without its quotes and escapes."""
    complete = any(token[f"close{index}"] for index in range(len(_QUOTES)))
    literal = token[0]
    if complete and literal[0] == '"':
        try:
            return Scalar(json.loads(literal, strict=False), quoted=True)
        except ValueError:
            pass
    body = literal[1:-1] if complete else literal[1:]
    return Scalar(re.sub(r"\\(.)", r"\1", body), quoted=True, complete=complete)
