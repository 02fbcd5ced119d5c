"""Rows in files, and in the canonical form that is hashed.

Canonical rows are RFC 8785 JSON: an array of objects that all have the same members, in the order of their key, in
Unicode's form C, figures with the decimals that their column declares (rounded half to even in their decimal form,
not their binary form), coordinates with seven, no minus zero, no NaN. The same rows give the same bytes in any order
and on any machine.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from node.base.errors import InvalidInput, UnsupportedMediaType
from node.base.jsons import canonical, canonical_text, number
from node.scenarios.model import GEOMETRY, Port, Row, Rows
from node.scenarios.tables import files, geometries
from node.scenarios.tables.files import MAX_ROWS, is_number, normal

SIGNIFICANT: Final = 12
"""Digits of a figure whose column declares no decimals: the last bits differ between machines."""

_EXACT: Final = Context(prec=700, rounding=ROUND_HALF_EVEN)
_SIGNIFICANT: Final = Context(prec=SIGNIFICANT, rounding=ROUND_HALF_EVEN)
_MOST: Final = 2**53


def read_rows(body: bytes, media_type: str, port: Port | None = None) -> Rows:
    """Return the rows of a file, by its media type: CSV, TSV, JSON (a list of objects) or GeoJSON.

    ``port`` declares which columns are figures and which members identify a row. Raises ``InvalidInput`` naming row
    and
    member, ``UnsupportedMediaType``, and ``TooLarge`` beyond ``tables.MAX_ROWS`` rows.
    """
    kind = media_type.partition(";")[0].strip().casefold()
    if kind == "text/csv":
        rows = files.from_csv(body, port)
    elif kind == "text/tab-separated-values":
        rows = files.from_csv(body, port, delimiter="\t")
    elif kind in ("application/json", "application/geo+json", "application/vnd.geo+json"):
        rows = files.from_json(body)
    else:
        raise UnsupportedMediaType(
            f"{media_type or 'a file without a media type'} is not a format that this node reads as rows",
            remedy="publish the data as CSV, JSON or GeoJSON",
        )
    if port is not None and port.key:
        check_key(rows, port.key)
    return rows


def columns(rows: Rows, port: Port | None = None) -> tuple[str, ...]:
    """Return the members of rows: those of the port, in its order, then others by name, the geometry last."""
    present: set[str] = set()
    for row in rows:
        present.update(row)
    names = [variable.name for variable in port.variables] if port else []
    further = sorted(present - {*names, GEOMETRY})
    last = [GEOMETRY] if GEOMETRY in present and GEOMETRY not in names else []
    return tuple(dict.fromkeys([*names, *further, *last]))


def key_of(rows: Rows, port: Port | None = None) -> tuple[str, ...]:
    """Return the members that identify a row: those that the port declares, else the smallest set that does.

    A single column named like an identifier comes first, then any text column, then several text columns together, in
    the order of the columns. Empty if nothing identifies the rows. Raises ``InvalidInput`` if the declared key is
    missing or not unique.
    """
    if port is not None and port.key:
        check_key(rows, port.key)
        return port.key
    if not rows:
        return ()
    names = [name for name in columns(rows, port) if name != GEOMETRY]
    return key_of_columns({name: [row.get(name) for row in rows] for name in names}, port)


def key_of_columns(members: Mapping[str, Sequence[Any]], port: Port | None = None) -> tuple[str, ...]:
    """Return the members that identify a row, as ``key_of`` does, by the values of each member; a key that the port
    declares is not considered."""
    figures = {variable.name for variable in port.variables if is_number(variable)} if port else set()
    names = [name for name in members if name not in figures]
    texts = {name for name in names if all(isinstance(value, str) for value in members[name])}
    whole = {name for name in names if looks_like_id(name) and all(_is_whole(value) for value in members[name])}
    together = tuple(name for name in names if name in texts or name in whole)
    for name in sorted(together, key=lambda name: (not looks_like_id(name), name in whole)):
        if _unique(members, (name,)):
            return (name,)
    if not _unique(members, together):
        return ()
    for name in reversed(together):
        fewer = tuple(one for one in together if one != name)
        if fewer and _unique(members, fewer):
            together = fewer
    return tuple(sorted(together, key=lambda name: not looks_like_id(name)))


def check_key(rows: Rows, key: Sequence[str]) -> None:
    """Require that ``key`` identifies each row. Raises ``InvalidInput`` for the first missing or repeated key."""
    first_places: dict[tuple[Any, ...], int] = {}
    for index, row in enumerate(rows):
        value = tuple(row.get(name) for name in key)
        if any(item is None for item in value):
            raise InvalidInput(
                f"row {index + 1} has no {' or no '.join(key)}",
                remedy="each row needs its key",
                facts={"row": index + 1, "member": key[0]},
            )
        if not all(isinstance(item, str | int | float) for item in value):
            raise InvalidInput(
                f"row {index + 1}: {', '.join(key)} is neither text nor number",
                remedy="give each row a key that is a text or a number",
            )
        if (first := first_places.setdefault(value, index)) != index:
            raise InvalidInput(
                f"rows {first + 1} and {index + 1} are both {', '.join(map(str, value))}",
                remedy=f"{', '.join(key)} names the rows, so each value may occur only once",
                facts={"row": index + 1, "member": key[0]},
            )


def canonical_rows(rows: Rows, port: Port | None = None) -> list[dict[str, Any]]:
    """Return rows in canonical order, with all members, and figures rounded, as ``canonical_json`` writes them.

    Raises ``InvalidInput``, with row and member, for values without a canonical form: NaN and infinities, whole
    numbers beyond 2^53, values that are not JSON, invalid geometries.
    """
    if len(rows) > MAX_ROWS:
        raise InvalidInput(f"there are {len(rows)} rows", remedy=f"at most {MAX_ROWS} are kept")
    names = columns(rows, port)
    decimals = {variable.name: variable.decimals for variable in port.variables} if port else {}
    canonical = []
    for index, row in enumerate(rows):
        try:
            canonical.append({name: _canonical(row.get(name), name, decimals.get(name)) for name in names})
        except _Unfit as unfit:
            raise InvalidInput(
                f"row {index + 1}: {unfit.member} {unfit.args[0]}",
                remedy="remove the member, or set it to null, where there is no value",
                facts={"row": index + 1, "member": unfit.member},
            ) from None
    key = key_of(canonical, port)
    order = [*key, *(name for name in names if name not in key)]
    canonical.sort(key=lambda row: [_rank(row[name]) for name in order])
    return canonical


def canonical_json(rows: Rows, port: Port | None = None) -> bytes:
    """Return rows in canonical form (RFC 8785), which ``read_canonical`` reads. Raises as ``canonical_rows``."""
    return canonical(canonical_rows(rows, port), fractions=True)


def read_canonical(body: bytes) -> Rows:
    """Return the rows that ``canonical_json`` wrote. Raises ``InvalidInput`` if the bytes are not a list of objects.

    For bytes that this node wrote and named by their hash: they are not checked like foreign input.
    """
    try:
        rows = json.loads(body)
    except ValueError as error:
        raise InvalidInput("these are not canonical rows", remedy="expected is a JSON list of objects") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput("these are not canonical rows", remedy="expected is a JSON list of objects")
    return rows


def digest(rows: Rows, port: Port | None = None) -> str:
    """Return the SHA-256 of the canonical form, in lower-case hexadecimal."""
    return hashlib.sha256(canonical_json(rows, port)).hexdigest()


def canonical_csv(rows: Rows, port: Port | None = None) -> bytes:
    """Return rows as CSV (RFC 4180, but lines end with LF), in canonical order; declared decimals are written out in
    full.

    A missing value is an empty cell; geometries and other objects are JSON.
    """
    names = columns(rows, port)
    decimals = {variable.name: variable.decimals for variable in port.variables} if port else {}
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(names)
    for row in canonical_rows(rows, port):
        writer.writerow([_csv_cell(row[name], decimals.get(name)) for name in names])
    return sheet.getvalue().encode()


def canonical_geojson(rows: Rows, port: Port | None = None) -> bytes:
    """Return rows as a FeatureCollection (RFC 7946), in canonical order; the key, if any, is the feature's id."""
    key = key_of(rows, port)
    features: list[dict[str, Any]] = []
    for row in canonical_rows(rows, port):
        feature: dict[str, Any] = {
            "type": "Feature",
            "geometry": row.get(GEOMETRY),
            "properties": {name: value for name, value in row.items() if name != GEOMETRY},
        }
        if key:
            feature["id"] = row_id(row, key)
        features.append(feature)
    return canonical({"type": "FeatureCollection", "features": features}, fractions=True)


def named_places(rows: Rows) -> tuple[str, dict[Any, Any]]:
    """Return the first column that names each row with a geometry, and name → geometry; empty if there is none."""
    rows_with_places = [row for row in rows if isinstance(row.get(GEOMETRY), Mapping)]
    for name in rows_with_places[0] if rows_with_places else ():
        values = [row.get(name) for row in rows_with_places]
        if all(isinstance(value, str) for value in values) and len(set(values)) == len(values):
            return name, {row[name]: row[GEOMETRY] for row in rows_with_places}
    return "", {}


def row_id(row: Row, key: Sequence[str]) -> str:
    """Return the name of a row: the values of its key, joined by commas."""
    return ",".join(text_in_name(row.get(name)) for name in key)


def text_in_name(value: Any) -> str:
    """Return the text of a value of the key in the name of a row."""
    return value if isinstance(value, str) else canonical_text(value, fractions=True)


def round_figure(value: float, decimals: int | None = None) -> float:
    """Round a figure to ``decimals`` places, or else to twelve digits: half to even, in its decimal form."""
    number = Decimal(repr(value))
    if decimals is None:
        return float(_SIGNIFICANT.plus(number))
    return float(number.quantize(Decimal(1).scaleb(-decimals), context=_EXACT))


class _Unfit(Exception):
    def __init__(self, member: str, why: str) -> None:
        super().__init__(why)
        self.member = member


def _canonical(value: Any, name: str, decimals: int | None, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = normal(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _Unfit(name, "is a text with an unpaired surrogate") from None
        return text
    if isinstance(value, int):
        if abs(value) > _MOST:
            # A value that we wrote ourselves: a figure so large that it has no fraction.
            if abs(value) < 10**21 and number(float(value)) == str(value):
                return float(value)
            raise _Unfit(name, "is a whole number beyond 2^53")
        # Negative decimals (hundreds) round whole numbers too.
        return int(round_figure(value, decimals)) if decimals is not None and decimals < 0 else int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Unfit(name, f"is {value}, which is not a number")
        figure = round_figure(value, decimals)
        return int(figure) if figure.is_integer() and abs(figure) <= _MOST else figure
    if name == GEOMETRY and depth == 0:
        return _geometry(value)
    if depth < 8 and isinstance(value, Mapping) and all(isinstance(item, str) for item in value):
        return {normal(str(one)): _canonical(inner, name, None, depth + 1) for one, inner in value.items()}
    if depth < 8 and isinstance(value, list | tuple):
        return [_canonical(inner, name, None, depth + 1) for inner in value]
    raise _Unfit(name, f"is a {type(value).__name__}, which is not allowed in rows")


def _geometry(value: Any) -> dict[str, Any]:
    try:
        fault = geometries.check(value)
    except InvalidInput as error:
        raise _Unfit(GEOMETRY, f"is not a geometry: {error.detail}") from None

    def place(inner: Any) -> Any:
        if isinstance(inner, list | tuple):
            return [place(one) for one in inner]
        return _canonical(float(inner), GEOMETRY, geometries.DECIMALS)

    if fault["type"] == "GeometryCollection":
        return {
            "type": "GeometryCollection",
            "geometries": [_geometry(geometry) for geometry in fault["geometries"]],
        }
    return {"type": fault["type"], "coordinates": place(fault["coordinates"])}


def _rank(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, bool):
        return 1, value
    if isinstance(value, int | float):
        return 2, value
    return (3, value) if isinstance(value, str) else (4, canonical_text(value, fractions=True))


def _csv_cell(value: Any, decimals: int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and decimals is not None and decimals >= 0:
        return f"{Decimal(repr(value)):.{decimals}f}"
    return canonical_text(value, fractions=True)


def looks_like_id(name: str) -> bool:
    """Return whether a column has a common name for identifiers."""
    return name.casefold() in ("id", "identifier", "code", "key") or name.endswith(("Id", "ID", "_id", "Identifier"))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _unique(members: Mapping[str, Sequence[Any]], names: Sequence[str]) -> bool:
    """Return whether no two rows have the same values of ``names``; it ends at the first two that have."""
    if not names:
        return False
    keys: Iterable[Any] = members[names[0]]
    if len(names) > 1:
        keys = zip(*(members[name] for name in names), strict=True)
    values: set[Any] = set()
    for key in keys:
        if key in values:
            return False
        values.add(key)
    return True
