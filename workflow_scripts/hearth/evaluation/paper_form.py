"""The form of a table that papers print: a row per recogniser, a column per dataset and metric."""

from dataclasses import dataclass

DAGGER = "†"


@dataclass(frozen=True)
class PaperCell:
    """A cell: texts of value, standard deviation over seeds and interval ("" if there is none).

    `best` says whether no other value of its column is higher, `marked` whether it has a dagger.
    """

    value: str
    deviation: str
    interval: str
    best: bool
    marked: bool

    @property
    def text(self) -> str:
        """The cell as one text, without emphasis."""
        deviation = f" ± {self.deviation}" if self.deviation else ""
        interval = f" {self.interval}" if self.interval else ""
        return f"{self.value}{deviation}{DAGGER if self.marked else ''}{interval}"


@dataclass(frozen=True)
class PaperColumn:
    """The headings of a column; `metric` is "" if all columns show the same one."""

    dataset: str
    metric: str


# The name of a row, and its cells; a cell is None if the recogniser was not tested on the dataset.
PaperRow = tuple[str, list[PaperCell | None]]


@dataclass(frozen=True)
class PaperForm:
    """A table in the form that papers print, with the footnotes that explain its cells."""

    columns: list[PaperColumn]
    rows: list[PaperRow]
    footnotes: list[str]
    heading: str = "Model"  # of the names of the rows

    @property
    def metrics(self) -> int:
        """The number of metrics that every dataset has a column for."""
        return len({column.metric for column in self.columns})

    @property
    def has_deviations(self) -> bool:
        """Whether some cell has a standard deviation."""
        return any(cell and cell.deviation for _, cells in self.rows for cell in cells)

    @property
    def has_intervals(self) -> bool:
        """Whether some cell has an interval."""
        return any(cell and cell.interval for _, cells in self.rows for cell in cells)
