"""Two small languages of transformations: units of columns, and coordinates in columns.

They say less than a column mapping, and for this reason more is known about them: all other columns stay as they are,
and nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_object
from node.scenarios.tables import mapping_grammar, places, units

MOST_COLUMNS: Final = 100
_RESERVED: Final = frozenset({"step", "units", "group", "keep"})
_UNIT_MEMBERS: Final = ("from", "to", "decimals")
_MEMBERS: Final = ("from", "to", "columns", "result", "decimals")
_SYSTEM: Final = re.compile(r"EPSG:([1-9]\d{3,5})")
_MOST_DECIMALS: Final = 12
_UNITS_REMEDY: Final = 'write intensity: {from: "{vehicles}/(15.min)", to: "{vehicles}/h"}'
_PLACES_REMEDY: Final = "write from: EPSG:31370, to: EPSG:4326 and columns: [x, y]"


def unit_mapping(definition: Any) -> mapping_grammar.ColumnMapping:
    """Return a conversion of units (column → ``from``, ``to``, ``decimals``) as a column mapping that keeps all other
    columns. Raises ``InvalidInput`` naming the member."""
    columns = _object(definition, _UNITS_REMEDY)
    if not 0 < len(columns) <= MOST_COLUMNS:
        raise InvalidInput(f"the definition names {len(columns)} columns", remedy=f"name 1 to {MOST_COLUMNS}")
    sources: dict[str, str] = {}
    rules: dict[str, Any] = {}
    for name, rule in columns.items():
        if name in _RESERVED:
            raise InvalidInput(
                f"a column called {name} cannot be converted so", remedy="rename it before, with a column mapping"
            )
        if (
            not isinstance(rule, Mapping)
            or not isinstance(rule.get("from"), str)
            or not isinstance(rule.get("to"), str)
        ):
            raise InvalidInput(f"{name[:80]} does not say from and to", remedy=_UNITS_REMEDY)
        _require_members(rule, _UNIT_MEMBERS, f"{name[:80]}.")
        try:
            relation = units.compare(rule["from"], rule["to"]).relation
        except InvalidInput as error:
            raise InvalidInput(f"{name[:80]}: {error.detail}", remedy=error.remedy) from error
        if relation is units.Relation.INCOMPATIBLE:
            raise InvalidInput(
                f"{name[:80]}: {rule['from']} cannot be converted to {rule['to']}",
                remedy="they measure different things",
            )
        sources[name] = rule["from"]
        decimals = {"decimals": rule["decimals"]} if "decimals" in rule else {}
        rules[name] = {"rename": name, "unit": rule["to"], **decimals}
    return mapping_grammar.parse_mapping({"units": sources, "keep": mapping_grammar.ALL, **rules})


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinateConversion:
    """Coordinates in two ``columns`` (east or longitude first), from one system to another; ``result`` are the
    columns that have them then, rounded to ``decimals``."""

    source: str
    target: str
    columns: tuple[str, str]
    result: tuple[str, str]
    decimals: int

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "target": self.target,
            "columns": list(self.columns),
            "result": list(self.result),
            "decimals": self.decimals,
        }


def coordinate_conversion(definition: Any) -> CoordinateConversion:
    """Return a checked conversion of coordinates. Raises ``InvalidInput`` naming the member."""
    members = _object(definition, _PLACES_REMEDY)
    _require_members(members, _MEMBERS, "")
    source, target = (_system(members.get(name), name) for name in ("from", "to"))
    columns = _pair(members.get("columns"), "columns")
    result = _pair(members["result"], "result") if "result" in members else columns
    # Degrees have seven decimals, about a centimetre; metres three.
    usual = 7 if target.startswith("EPSG:4") and len(target) == 9 else 3
    decimals = members.get("decimals", usual)
    if isinstance(decimals, bool) or not isinstance(decimals, int) or not 0 <= decimals <= _MOST_DECIMALS:
        raise InvalidInput(
            f"decimals: {str(decimals)[:40]} is no number of decimals", remedy=f"write 0 to {_MOST_DECIMALS}"
        )
    return CoordinateConversion(source=source, target=target, columns=columns, result=result, decimals=decimals)


def _object(definition: Any, remedy: str) -> Mapping[str, Any]:
    if isinstance(definition, str):
        definition = read_object(definition)
    if not isinstance(definition, Mapping):
        raise InvalidInput("the definition is not an object", remedy=remedy)
    return {str(name): value for name, value in definition.items()}


def _require_members(members: Mapping[str, Any], names: tuple[str, ...], path: str) -> None:
    unknown = sorted(str(name) for name in members if name not in names)
    if unknown:
        raise InvalidInput(f"{path}{unknown[0][:80]} is not known here", remedy=f"it can have {', '.join(names)}")


def _system(value: Any, name: str) -> str:
    text = places.normal(str(value)) if value is not None else ""
    if not _SYSTEM.fullmatch(text):
        raise InvalidInput(f"{name}: {text[:40]!r} is no coordinate reference system", remedy=_PLACES_REMEDY)
    return text


def _pair(value: Any, name: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(text, str) and text for text in value):
        raise InvalidInput(f"{name} are not two columns", remedy=_PLACES_REMEDY)
    if value[0] == value[1]:
        raise InvalidInput(f"{name}: {value[0][:80]} is named twice", remedy=_PLACES_REMEDY)
    return value[0], value[1]
