"""Value tables as CSV files: written for a spreadsheet, completed there, and read back."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.plaintext import harmless
from node.semantics.sheets import rows, survey

COLUMNS: Final = ("field", "text", "records", "iri")
_CHOICE: Final = ("field", "text", "iri")


def write_values(path: Path, values: Sequence[Mapping[str, Any]]) -> None:
    """Write a line for each value. Raises ``InvalidInput`` if the file cannot be written."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows([harmless(str(value[name])) for name in COLUMNS] for value in values)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}", remedy="name a file in an existing folder"
        ) from None


def read_choices(path: Path) -> list[tuple[str, str, str]]:
    """Return field, value and code of each line that has a code. Raises ``InvalidInput`` for another file."""
    try:
        with path.open("rb") as file:
            form = survey(file)  # Spreadsheets write the separator of their country.
            names, *lines = [cells for _, cells in rows(file, form.look)]
    except (OSError, csv.Error) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", remedy="save it as CSV in UTF-8") from None
    if not set(_CHOICE) <= set(names):
        raise InvalidInput(
            f"{path} has no columns {', '.join(_CHOICE)}", remedy="write it with: hansa harvest values SOURCE --csv"
        )
    cells_by_name = [dict(zip(names, cells, strict=False)) for cells in lines]
    choices = [
        (_plain(cells.get("field")), _plain(cells.get("text")), iri)
        for cells in cells_by_name
        if (iri := _plain(cells.get("iri")))
    ]
    if not choices:
        raise InvalidInput(f"{path} has no code", remedy="write codes, labels or IRIs into the column iri")
    return choices


def _plain(cell: str | None) -> str:
    """Return a cell without the apostrophe that kept a spreadsheet from reading it as a formula."""
    text = (cell or "").strip()
    return text[1:] if text.startswith("'") and harmless(text[1:]) == text else text
