"""Read a CSV table row by row, so that one that is wrong is told by its line and costs no other."""

import csv
from pathlib import Path
from typing import NamedTuple

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import quoted

__all__ = ["TableRow", "read_csv"]


class TableRow(NamedTuple):
    """One line of a table.

    Args:
        line: Its number in the file, from 1; the header is line 1.
        values: The stripped cells by column; empty where the line ends early.
        problem: Why the line is not a row of the table; empty where it is one.
    """

    line: int
    values: dict[str, str]
    problem: str


def read_csv(path: Path, what: str) -> tuple[list[str], list[TableRow]]:
    """Read the columns and the rows of a table; lines without content are passed over.

    A row is a line: a quote that is not closed there spoils its own line, and not all that follow.

    Args:
        path: The file.
        what: What it holds, for messages: ``the table``.

    Raises:
        SourceUnavailableError: It cannot be read.
        CorruptSourceError: It is not UTF-8, its header cannot be read, or names a column twice.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = [line.rstrip("\n") for line in file]
    except OSError as error:
        reason = error.strerror or error
        raise SourceUnavailableError(f"{path}: {what} cannot be read ({reason}); check the path") from error
    except UnicodeDecodeError as error:
        raise CorruptSourceError(f"{path}: this is not a CSV file ({error})") from error
    try:
        columns = _cells(lines[0]) if lines else []
    except csv.Error as error:
        raise CorruptSourceError(f"{path}: this is not a CSV file ({error})") from error
    while columns and not columns[-1]:
        columns.pop()
    twice = [name for name in columns if name and columns.count(name) > 1]
    if twice:
        raise CorruptSourceError(f"{path}: it has the column {quoted(twice[0])} twice")
    return columns, [_row(number, line, columns) for number, line in enumerate(lines[1:], 2) if line.strip(", \t")]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], strict=True, skipinitialspace=True), [])]


def _row(number: int, line: str, columns: list[str]) -> TableRow:
    try:
        cells = _cells(line)
    except csv.Error as error:
        return TableRow(number, dict.fromkeys(columns, ""), f"it cannot be read ({error})")
    while len(cells) > len(columns) and not cells[-1]:
        cells.pop()
    problem = f"it has {len(cells)} cells, and the header {len(columns)}" if len(cells) != len(columns) else ""
    values = dict.fromkeys(columns, "")
    values.update(zip(columns, cells, strict=False))
    return TableRow(number, values, problem)
