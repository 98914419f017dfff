"""Find the residents and activities of table rows, in the rows' own cells or in the intervals of label files."""

from pathlib import Path

import numpy as np
import pandas as pd

from hearth.data.load_report import LoadReport
from hearth.data.sources.blocks import LIST_SEPARATOR, joined_cells
from hearth.data.sources.encoded_rows import Annotation, Codes, encode_pairs, encode_texts, split_cell
from hearth.data.sources.label_files import LabelFiles
from hearth.homes.home import Home


class Annotator:
    """Finds the residents and activities of rows, in their own cells or in the label files of `recording.intervals`."""

    def __init__(self, home: Home, root: Path, report: LoadReport):
        """Read the label files below `root`, if there are any; their broken rows go into `report`."""
        self._settings = home.recording
        self._label_files = LabelFiles(home, root, report) if home.recording.intervals else None

    def encode(
        self, cells: pd.DataFrame, time: np.ndarray, utc: np.ndarray, annotations: Codes[Annotation], file: str
    ) -> np.ndarray:
        """Return the code of each row's annotation; new annotations are added to `annotations`.

        `time` is in milliseconds, in UTC where the mask `utc` is true, else on the home's clock. `file` is the rows'.
        """
        residents, resident_codes = self._encode_role(cells, "resident")
        activities, activity_codes = self._encode_role(cells, "activity")
        pairs: Codes[tuple[str, str]] = Codes()
        codes = encode_pairs(pairs, resident_codes, activity_codes, (residents.values, activities.values))
        separator = self._settings.separator
        own = [Annotation(split_cell(who, separator), split_cell(what, separator)) for who, what in pairs.values]
        if self._label_files:
            return self._label_files.encode(time, utc, codes, [each.residents for each in own], annotations, file)
        return annotations.encode(own, codes)

    def finish(self) -> None:
        """Report on all rows: whether label files fit to them."""
        if self._label_files:
            self._label_files.report_fit()

    def _encode_role(self, cells: pd.DataFrame, role: str) -> tuple[Codes[str], np.ndarray]:
        codes: Codes[str] = Codes()
        if role in self._settings.columns:
            return codes, encode_texts(codes, joined_cells(cells, self._settings.columns[role], LIST_SEPARATOR))
        return codes, np.full(len(cells), codes.code(""), dtype=np.int32)
