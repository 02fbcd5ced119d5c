"""Files of rows as people publish them: CSV (RFC 4180), JSON lists of objects, GeoJSON (RFC 7946)."""

from __future__ import annotations

import csv
import io
import math
import re
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput, TooLarge
from node.base.jsons import read_json
from node.scenarios.model import GEOMETRY, Port, Variable
from node.scenarios.tables import geometries, places
from node.semantics import sheets
from node.semantics.findings.tables import NotATable

MAX_ROWS: Final = 1_000_000
MAX_COLUMNS: Final = 200
MAX_TEXT: Final = 20_000
"""The most characters of one cell."""

Table = list[dict[str, Any]]

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,400})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?")
"""Numbers as JSON writes them: ``007`` and ``+1`` are identifiers."""
_TRUTHS: Final = {"true": True, "false": False}


def from_csv(body: bytes, port: Port | None = None, *, delimiter: str = "") -> Table:
    """Return the rows of a CSV file with a header line, in UTF-8, separated by comma, semicolon, tab or bar.

    A cell is a number if the port declares its column as one (``is_number``). An undeclared column holds numbers, or
    truth values, if each of its non-empty cells looks like one. An empty cell is None.
    Raises ``InvalidInput`` with row and column.
    """
    text = text_of(body)
    names, cells = read_cells(text, delimiter_of(body, delimiter))
    columns = typed_columns(names, cells, port)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


class LineCounter(Protocol):
    """Counts lines of a file, and notes where the header and each row end."""

    def lines(self, lines: Iterator[str]) -> Iterator[str]: ...

    def end_row(self) -> None: ...


def delimiter_of(body: bytes, delimiter: str = "") -> str:
    """Return ``delimiter``, or the one that a file of text seems to have."""
    return delimiter or sheets.look(body[: sheets.SAMPLE], whole=len(body) <= sheets.SAMPLE).delimiter


def read_cells(text: str, delimiter: str, *, counter: LineCounter | None = None) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns of a CSV file with this ``text``, and the cells of its rows as they are.

    ``counter`` learns where rows end. Raises ``InvalidInput`` with the line.
    """
    source = io.StringIO(text, newline="")
    lines = csv.reader(source if counter is None else counter.lines(source), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    cells: list[list[str]] = []
    try:
        for line in lines:
            if not line:
                continue
            if names is None:
                names = _names([normal(one.strip()) for one in line])
                if counter is not None:
                    counter.end_row()
                continue
            if len(line) != len(names):
                raise InvalidInput(
                    f"line {lines.line_num} has {len(line)} cells, the header {len(names)}",
                    remedy='put cells with a separator or a line break in them between double quotes: "a,b"',
                )
            cells.append(line)
            if counter is not None:
                counter.end_row()
            _check_count(len(cells))
    except csv.Error as error:
        raise InvalidInput(
            f"line {lines.line_num} is not readable as CSV: {error}",
            remedy="correct the line, or save the table as CSV again",
        ) from error
    if names is None:
        raise InvalidInput("the file is empty", remedy="a table begins with a line of column names")
    return names, cells


def typed_columns(names: Sequence[str], cells: Sequence[list[str]], port: Port | None) -> list[list[Any]]:
    """Return the values of each column of ``cells``, read as ``from_csv`` says."""
    return [
        _column(name, [line[place] for line in cells], port.variable(name) if port else None)
        for place, name in enumerate(names)
    ]


def _column(name: str, cells: list[str], variable: Variable | None) -> list[Any]:
    # Most columns have few different cells: each of these is read once, in the order of their first rows.
    first_rows: dict[str, int] = {}
    for index, cell in enumerate(cells):
        first_rows.setdefault(cell, index)
    values = _values(name, first_rows, variable)
    return [values[cell] for cell in cells]


def _values(name: str, cells: Mapping[str, int], variable: Variable | None) -> dict[str, Any]:
    """Return the value of each of the different ``cells`` of a column, which have the number of their first row."""
    texts = {cell: cell.strip() for cell in cells}
    if variable is not None and is_number(variable):
        return {cell: _declared_number(texts[cell], name, index) for cell, index in cells.items()}
    cells_with_text = [text for text in texts.values() if text]
    if variable is None and cells_with_text and all(_looks_like_number(text) for text in cells_with_text):
        return {cell: _number(texts[cell], name, index) if texts[cell] else None for cell, index in cells.items()}
    if cells_with_text and all(text.casefold() in _TRUTHS for text in cells_with_text):
        return {cell: _TRUTHS[text.casefold()] if text else None for cell, text in texts.items()}
    return {cell: _checked_text(normal(cell), name, index) if texts[cell] else None for cell, index in cells.items()}


def read_cell(cell: str, shape: str) -> Any:
    """Return the value of a cell in a column of that shape: ``number``, ``flag`` or ``text``."""
    text = cell.strip()
    if not text:
        return None
    if shape == "flag":
        return _TRUTHS[text.casefold()]
    return _number(text, "", 0) if shape == "number" else normal(cell)


def is_number(variable: Variable) -> bool:
    """Return whether a variable is declared as a figure: with a unit, decimals or bounds."""
    said = (variable.unit, variable.quantity, variable.decimals, variable.minimum, variable.maximum)
    return any(one is not None for one in said)


def is_figure(value: Any) -> bool:
    """Return whether a value is a finite number; booleans are not numbers."""
    # NaN compares with nothing, and whole numbers may be longer than any float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _declared_number(cell: str, name: str, index: int) -> int | float | None:
    if not cell:
        return None
    if not _NUMBER.fullmatch(cell):
        comma = ", with a point before the decimals" if "," in cell else ""
        raise InvalidInput(
            f"row {index + 1}: {name} is {cell[:40]!r}, which is not a number",
            remedy=f"write numbers like 12 or 0.5{comma}, and leave a cell empty where there is none",
            facts={"row": index + 1, "member": name},
        )
    return _number(cell, name, index)


def _number(cell: str, name: str, index: int) -> int | float:
    value = float(cell)
    if abs(value) < 2**53 and not any(sign in cell for sign in ".eE"):
        return int(cell)
    if not math.isfinite(value):
        raise InvalidInput(
            f"row {index + 1}: {name} is {cell[:40]}, which is too large a number",
            remedy="correct the number, or leave the cell empty",
            facts={"row": index + 1, "member": name},
        )
    return value


def _looks_like_number(cell: str) -> bool:
    """Return whether a cell is a number; long rows of digits are identifiers, since a double could not hold them."""
    return bool(_NUMBER.fullmatch(cell)) and (len(cell) < 16 or any(sign in cell for sign in ".eE"))


def from_json(body: bytes) -> Table:
    """Return the rows of a JSON file: a list of objects, or a GeoJSON FeatureCollection."""
    document = read_json(body)
    if isinstance(document, Mapping) and document.get("type") == "FeatureCollection":
        return from_features(document)
    if not isinstance(document, list):
        raise InvalidInput(
            "the file is neither a list of rows nor a FeatureCollection",
            remedy='write [{"column": value, …}, …], or GeoJSON',
        )
    _check_count(len(document))
    return [_row(one, index) for index, one in enumerate(document)]


def from_features(document: Mapping[str, Any]) -> Table:
    """Return the rows of a FeatureCollection: properties, and the geometry as the member ``geometry``.

    The ``id`` of the features is kept as the member ``id``, unless a property repeats it throughout. A ``crs`` as in
    GeoJSON of 2008 is applied if it can be converted. Raises ``InvalidInput``.
    """
    features = document.get("features")
    if not isinstance(features, list):
        raise InvalidInput(
            "the FeatureCollection does not have a list of features", remedy="give it a member features, with a list"
        )
    _check_count(len(features))
    crs = _crs(document)
    table: Table = []
    ids: list[str] = []
    for index, feature in enumerate(features):
        if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
            raise InvalidInput(
                f"feature {index + 1} is not a Feature",
                remedy='write {"type": "Feature", "geometry": …, "properties": …}',
                facts={"row": index + 1},
            )
        properties = feature.get("properties")
        if properties is not None and not isinstance(properties, Mapping):
            raise InvalidInput(
                f"feature {index + 1} has properties that are not an object",
                remedy='write properties as {"column": value}',
                facts={"row": index + 1},
            )
        if properties and GEOMETRY in properties:
            raise InvalidInput(
                f"feature {index + 1} has a property that is called geometry, like its geometry",
                remedy="give the property another name",
            )
        row = _row(properties or {}, index)
        if (identifier := feature.get("id")) is not None:
            if isinstance(identifier, bool) or not isinstance(identifier, str | int):
                raise InvalidInput(
                    f"feature {index + 1} has an id that is neither text nor a whole number",
                    remedy="give it an id that is a text or a whole number",
                )
            ids.append(normal(str(identifier)))
        if feature.get("geometry") is not None:
            row[GEOMETRY] = _geometry(feature["geometry"], crs, index)
        table.append(row)
    return _with_ids(table, ids)


def _with_ids(table: Table, ids: Sequence[str]) -> Table:
    if not ids:
        return table
    if len(ids) != len(table):
        raise InvalidInput(
            "some features have an id and some have none", remedy="give an id to every feature, or to none"
        )
    first = table[0]
    if any(all(str(row.get(name)) == id_ for row, id_ in zip(table, ids, strict=True)) for name in first):
        return table
    if any("id" in row for row in table):
        raise InvalidInput(
            "features have an id and, as a property, another one", remedy="give the property another name"
        )
    return [{"id": id_, **row} for id_, row in zip(ids, table, strict=True)]


def _geometry(geometry: Any, crs: str, index: int) -> dict[str, Any]:
    try:
        if crs == places.WGS84:
            return geometries.check(geometry)
        return places.convert(geometries.check(geometry, degrees=False), crs)
    except InvalidInput as error:
        raise InvalidInput(
            f"feature {index + 1}: {error.detail}", remedy=error.remedy, facts={"row": index + 1, "member": GEOMETRY}
        ) from error


def _crs(document: Mapping[str, Any]) -> str:
    crs = document.get("crs")
    if crs is None:
        return places.WGS84
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    name = places.normal(str(properties.get("name") if isinstance(properties, Mapping) else ""))
    if not places.convertible(name, places.WGS84):
        raise InvalidInput(
            f"the file is in {name or 'a coordinate system without a name'}, which this node does not convert",
            remedy="save it in EPSG:4326, as GeoJSON is (RFC 7946 §4)",
        )
    return name


def _row(value: Any, index: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(
            f"row {index + 1} is not an object",
            remedy='write each row as {"column": value}',
            facts={"row": index + 1},
        )
    row = {normal(str(name)): _cell(one, name, index) for name, one in value.items()}
    if len(row) != len(value):
        raise InvalidInput(
            f"row {index + 1} has two members whose names look the same",
            remedy="rename one of them",
            facts={"row": index + 1},
        )
    _check_names(row)
    if row.get(GEOMETRY) is not None:
        row[GEOMETRY] = _geometry(row[GEOMETRY], places.WGS84, index)
    return row


def _cell(value: Any, name: str, index: int) -> Any:
    if isinstance(value, str):
        return _checked_text(normal(value), name, index)
    return value


def _checked_text(text: str, name: str, index: int) -> str:
    if len(text) > MAX_TEXT:
        raise InvalidInput(
            f"row {index + 1}: {name} is a text of {len(text)} characters",
            remedy=f"at most {MAX_TEXT} are read",
            facts={"row": index + 1, "member": name},
        )
    return text


def _names(names: list[str]) -> list[str]:
    _check_names(names)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidInput(f"two columns are called {twice}", remedy="give each column a name of its own")
    return names


def _check_names(names: Collection[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise TooLarge(f"there are {len(names)} columns", remedy=f"at most {MAX_COLUMNS} are read")
    if not all(0 < len(name) <= 200 for name in names):
        raise InvalidInput("a column has no name, or one that is too long", remedy="name each column")


def _check_count(count: int) -> None:
    if count > MAX_ROWS:
        raise TooLarge(f"there are more than {MAX_ROWS} rows", remedy="split the data into parts")


def text_of(body: bytes) -> str:
    """Return the text of a file in UTF-8. Raises ``InvalidInput`` for other files."""
    if (really := sheets.what_it_is(body[: sheets.SAMPLE])) not in ("", sheets.NO_TEXT):
        raise InvalidInput(f"the file is not a table: {NotATable(really)}", remedy="publish the data as CSV in UTF-8")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the file is not in UTF-8 (byte {error.start + 1})", remedy="save it as CSV in UTF-8"
        ) from error
    if "\0" in text:
        raise InvalidInput(
            "the file contains zero bytes: it is not a text file", remedy="save it as CSV or JSON in UTF-8"
        )
    return text


def normal(text: str) -> str:
    """Return a text in Unicode's normal form C, so that equal-looking texts are equal."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
