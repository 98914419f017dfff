"""Write small invented recordings in the documented forms of CASAS homes, with each known oddity of the files once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from planted_events import Form, Planted, plain

Reading = tuple[str, str]  # sensor, state
Cells = tuple[str, str, str, str, str]  # date, time, sensor, state, mark
Join = Callable[[int, Cells], str]  # of the number of the line


class MarkedLines:
    """Lines `date time sensor state [mark]` with marks that begin and end activities."""

    def __init__(self, file: str, begin: str, join: Join) -> None:
        self.file, self.join = file, join
        self.form = Form()
        self.lines: list[str] = []
        self.time = datetime.fromisoformat(begin)
        self.active: list[str] = []
        self.odd = ""  # why the activity of the events that follow may be unclear

    def add(self, sensor: str, state: str, mark: str = "", odd: str = "") -> None:
        """Add an event 17.25 s after the last, in the activities that are active."""
        self.time += timedelta(seconds=17, milliseconds=250)
        labels = [plain(label) for label in self.active]
        last = labels[-1] if labels else ""
        several = frozenset(labels) if len(labels) > 1 else frozenset()
        line = len(self.lines) + 1
        self.form.events.append(Planted(self.file, line, self.time, last, odd or self.odd, several))
        cells = (f"{self.time:%Y-%m-%d}", f"{self.time:%H:%M:%S.%f}", sensor, state, mark)
        self.lines.append(self.join(len(self.lines), cells))

    def add_text(self, text: str, what: str) -> None:
        """Add a line that is no event."""
        self.lines.append(text)
        self.form.no_events[len(self.lines)] = what

    def outside(self, *readings: Reading) -> None:
        for sensor, state in readings:
            self.add(sensor, state)

    @contextmanager
    def during(self, label: str, first: Reading, last: Reading, begin: str = "begin", odd: str = "") -> Iterator[None]:
        """Begin `label` at the event `first`, end it at the event `last`: both are in it. If `odd`, all in it are."""
        self.active.append(label)
        self.odd = odd
        self.add(*first, f"{label} {begin}")
        yield
        self.add(*last, f"{label} end")
        self.active.remove(label)
        self.odd = ""

    def activity(self, label: str, *readings: Reading, **options: str) -> None:
        """Add an activity of the readings: its marks are on the first and the last."""
        with self.during(label, readings[0], readings[-1], **options):
            self.outside(*readings[1:-1])

    def wait(self, **pause: float) -> None:
        self.time += timedelta(**pause)

    def swap_last_two(self) -> None:
        """Put the last two lines, which have no mark and the same label, out of order of time."""
        first, second = self.form.events[-2:]
        assert first.label == second.label
        self.lines[-2:] = self.lines[-1], self.lines[-2]
        self.form.events[-2:] = [
            Planted(first.file, second.line, first.time, first.label),
            Planted(second.file, first.line, second.time, second.label),
        ]

    def write(self, folder: Path, newline: str = "\n") -> Form:
        (folder / self.file).write_bytes((newline.join(self.lines) + newline).encode())
        self.form.lines = len(self.lines)
        return self.form


def join_mixed(number: int, cells: Cells) -> str:
    """Join by blanks and tabs in turn; leave out fractions of a second that are zero."""
    date, time, sensor, state, mark = cells
    blank = "\t" if number % 3 else " "
    mark = mark.replace(" ", blank, 1) if number % 2 else mark
    return f"{date} {time.removesuffix('.000000')}{blank}{sensor}{blank}{state}" + (f"{blank}{mark}" if mark else "")


def join_tabs(number: int, cells: Cells) -> str:
    """Join by tabs, date and time by a blank."""
    date, time, sensor, state, mark = cells
    return "\t".join([f"{date} {time}", sensor, state, *([mark] if mark else [])])


def motion(*sensors: str) -> list[Reading]:
    """Return ON and OFF of each sensor."""
    return [(sensor, state) for sensor in sensors for state in ("ON", "OFF")]


def write_aruba(folder: Path) -> Form:
    """Write three days of Aruba: mixed blanks, a sensor `c`, cut, soiled and joined states, lines out of order."""
    home = MarkedLines("data", "2010-11-08 00:05:04.75", join_mixed)
    home.activity("Sleeping", *motion("M002", "M003"))
    for day in range(3):
        home.wait(hours=7)
        home.outside(("T001", "21.5"), *motion("M008"))
        home.activity("Meal_Preparation", *motion("M015", "M018"), ("D002", "OPEN"), ("D002", "CLOSE"))
        home.activity("Respirate", *motion("M020"))
        with home.during("Relax", ("M009", "ON"), ("M009", "OFF")):
            if day == 0:
                home.add("c", "OFF", odd="sensor c stands for M014")
                home.add("M010", "ONc", odd="state with a stray c")
                home.add("M010", "OFF5", odd="state with a stray 5")
            if day == 1:
                home.add("M010", "ONM026", odd="state joined with the next line's sensor")
                home.add("M010", "OF", odd="cut state")
                home.add("M010", "O", odd="cut state, which may be ON or OFF")
            if day == 2:
                home.outside(*motion("M012"))
                home.swap_last_two()
        home.activity("Leave_Home", ("M030", "ON"), ("D004", "OPEN"), ("D004", "CLOSE"), ("M030", "OFF"))
        home.add("LEAVEHOME", "ON", odd="a sensor that no list has")
        home.wait(hours=3)
        home.activity("Enter_Home", ("D004", "OPEN"), ("D004", "CLOSE"))
        home.wait(hours=9)
        with home.during("Sleeping", ("M003", "ON"), ("M002", "OFF")):  # past midnight, on the first two days
            home.wait(hours=4)
            home.activity("Bed_to_Toilet", *motion("M004"))
            home.outside(*motion("M003"))
    return home.write(folder)


def write_milan(folder: Path) -> Form:
    """Write two days of Milan: tabs, one too many, a state with a backquote, `ON0` and `O`."""
    home = MarkedLines("data", "2009-10-19 07:00:00.5", join_tabs)
    for day in range(2):
        home.outside(*motion("M001"), ("T002", "22"))
        home.activity("Kitchen_Activity", *motion("M012", "M015"), ("D003", "OPEN"), ("D003", "CLOSE"))
        if day == 0:
            home.add("M009", "ON", odd="a tab too many")
            home.lines[-1] = home.lines[-1].replace("\t", "\t\t", 1)
        with home.during("Desk_Activity", ("M007", "ON"), ("M007", "OFF")):
            home.add("M026", "ON`" if day else "ON0", odd="a stray character after the state")
            home.add("M026", "OFF")
        home.activity("Bed_to_Toilet", *motion("M021"))
        home.wait(hours=17)
    home.add("M009", "O", odd="cut state, at the end of the file")
    return home.write(folder)


def write_cairo(folder: Path) -> Form:
    """Write two days of Cairo: labels of several words, with `R1 ` or `R2 ` or neither before them."""
    home = MarkedLines("data", "2009-06-12 01:10:00.25", join_tabs)
    for _ in range(2):
        home.activity("Night wandering", *motion("M003", "M010"))
        home.activity("Bed to toilet", *motion("M006"))
        home.wait(hours=5)
        home.activity("R1 wake", *motion("M008"))
        with home.during("R1 work in office", ("M001", "ON"), ("M001", "OFF")):
            home.activity("R2 take medicine", *motion("M021"))
            home.outside(*motion("M002"))
        home.outside(("T001", "24.5"), *motion("M015"))
        home.activity("Breakfast", *motion("M020", "M024"))
        home.wait(hours=14)
        home.activity("R2 sleep", *motion("M009"))
        home.wait(hours=3)
    return home.write(folder)


def write_tulum_2010(folder: Path) -> Form:
    """Write two days of Tulum 2010: `begub`, `begin` twice, two blanks in a mark, an end without begin, no end."""
    home = MarkedLines("data", "2009-11-18 08:00:00.125", join_mixed)
    home.activity("R1_Meal_Preparation", *motion("M013", "M016"), begin="begub", odd="begub for begin")
    home.outside(*motion("M023"))
    home.activity("R2_Watch_TV", *motion("M007", "M008"), begin="begin begin", odd="begin twice")
    with home.during("R1_Work_Table", ("M009", "ON"), ("M009", "OFF")):
        home.outside(*motion("M010"))
    home.lines[-1] = home.lines[-1].replace(" end", "  end").replace("\tend", "  end")
    home.outside(*motion("M023"))
    home.add("M026", "OFF", "R1_Bathing end", odd="an end without its begin")
    home.outside(*motion("M024"))
    home.activity("Leave_Home", ("M004", "ON"), ("M004", "OFF"))
    home.add("M019", "ON", "R2_Work_Bedroom_2 begin", odd="a begin without its end")
    home.wait(hours=20)
    home.outside(*motion("M001", "M002"))
    home.activity("R2_Sleeping_in_Bed", *motion("M018", "M021"))
    home.outside(("T003", "19.5"), *motion("M027"))
    return home.write(folder)


def write_tulum_2009(folder: Path) -> Form:
    """Write two days of Tulum 2009."""
    home = MarkedLines("data", "2009-05-04 08:00:00.125", join_mixed)
    for _ in range(2):
        home.activity("Cook_Breakfast", *motion("M003", "M004"))
        home.activity("R1_Eat_Breakfast", *motion("M006"))
        home.activity("R2_Eat_Breakfast", *motion("M007"))
        home.outside(("T001", "20.5"), *motion("M010"))
        home.activity("Group_Meeting", *motion("M012"))
        home.activity("R1_Snack", *motion("M003"))
        home.wait(hours=22)
    return home.write(folder)


def write_twor(folder: Path, year: str = "2010") -> Form:
    """Write two days of twor.2009, twor.summer.2009 or twor.2010 (`year`: 2009, summer.2009, 2010), in the Kyoto flat.

    The first numbers its sensors M01, the others M001. That of 2010 has blank lines, an end without its begin, and a
    begin without its end.
    """
    digits = 2 if year == "2009" else 3

    def at(*numbers: int) -> list[Reading]:
        return motion(*(f"M{number:0{digits}d}" for number in numbers))

    other = {"2009": "Clean", "summer.2009": "Cleaning", "2010": "R1_Housekeeping"}[year]
    sleep, work = ("R2_sleep", "R1_work") if year == "summer.2009" else ("R2_Sleep", "R1_Work")
    home = MarkedLines("annotated" if year == "2009" else "data", "2009-08-25 06:30:00.875", join_mixed)
    for day in range(2):
        if year == "2010" and day == 0:
            home.add_text("", "blank")
            home.add(*at(40)[0], "R1_Bathing end", odd="an end without its begin")
            home.outside(*at(41))
        with home.during(sleep, at(44)[0], at(44)[1]):
            home.activity(work, *at(42, 43))
            home.outside(*at(45))
        home.outside(*at(26))
        home.activity(other, *at(7, 16))
        home.wait(hours=1)
        if year == "2010" and day == 0:
            home.add(*at(47)[0], "R2_Work begin", odd="a begin without its end")
            home.add_text("", "blank")
        home.wait(hours=21)
        home.outside(*at(23))
    return home.write(folder)


def write_casas_2025(folder: Path, file: str = "hh101.csv", labelled: bool = True) -> Form:
    """Write two days of the CASAS release of 2025: commas, no header, four cells outside activities and five within.

    The first event of an activity has `Label="begin"`, the last `Label="end"`, those between the label alone.
    """

    def join(number: int, cells: Cells) -> str:
        *first, mark = cells
        if not labelled:
            return ",".join(first)
        label, _, end = mark.partition(" ")
        cell = f'{label}="{end}"' if mark else (home.active[-1] if home.active else "")
        return ",".join([*first, *([cell] if cell else [])])

    home = MarkedLines(file, "2012-07-20 10:38:54.5", join)
    for _ in range(2):
        home.activity("Step_Out", *motion("OutsideDoor", "OutsideDoor"))
        home.outside(*motion("Kitchen"))
        home.activity("Cook_Breakfast", *motion("Kitchen", "Kitchen"))
        home.activity("Toilet", *motion("Bathroom"))
        home.outside(*motion("Bedroom"))
        home.wait(hours=12)
        home.activity("Sleep", *motion("Bedroom", "Bedroom"))
        home.wait(hours=10)
    return home.write(folder)
