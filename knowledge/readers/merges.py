"""Merged cells: the value of the first one stands for the whole area."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from knowledge.readers.headers import Cell

Area = tuple[int, int, int, int]  # first row, first column, last row, last column


class Merges:
    """The merged areas of a sheet, applied to its rows from the top down."""

    def __init__(self, areas: Iterable[Area] = ()) -> None:
        self._areas = {(top, left): (bottom, right) for top, left, bottom, right in areas}
        self._open: dict[int, tuple[int, Cell]] = {}  # column → (last row, the cell that reaches down to it)

    def apply(self, number: int, cells: Sequence[Cell]) -> list[Cell]:
        """The row's cells with their widths, and those that reach down to it."""
        if not self._areas and not self._open:
            return list(cells)
        self._open = {column: down for column, down in self._open.items() if down[0] >= number}
        found = {column: cell for column, (_, cell) in self._open.items()}
        for cell in cells:
            bottom, right = self._areas.get((number, cell.column), (number, cell.column))
            cell = replace(cell, width=right - cell.column + 1)
            found[cell.column] = cell
            if bottom > number:
                self._open[cell.column] = (bottom, replace(cell, repeats=True))
        row = [found[column] for column in sorted(found)]
        for place, following in enumerate(row[1:]):  # an area ends where the next cell stands
            if row[place].column + row[place].width > following.column:
                row[place] = replace(row[place], width=following.column - row[place].column)
        return row

    def add(self, number: int, column: int, height: int, width: int) -> None:
        """One more area, before the row it starts in is applied."""
        if height > 1 or width > 1:
            self._areas[number, column] = (number + height - 1, column + width - 1)
