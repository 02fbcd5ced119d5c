"""The interface of a model as values: read from annotations, written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NUMBER: Final = "number"
INTEGER: Final = "integer"
TEXT: Final = "text"
TRUTH: Final = "boolean"
JSON: Final = "json"
"""The types of columns and parameters. ``json`` is any JSON value: a geometry, a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A member of each row. ``required``: the member is there; ``empty``: it may be null."""

    name: str
    type: str
    unit: str | None = None
    quantity: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    values: tuple[Any, ...] = ()
    required: bool = True
    empty: bool = False
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        members = _members(self, ("unit", "quantity", "minimum", "maximum", "decimals", "description"))
        if self.values:
            members["values"] = list(self.values)
        if not self.required:
            members["required"] = False
        return {"name": self.name, "type": self.type, **members}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An input or output, by role."""

    role: str
    columns: tuple[Column, ...]
    step: str | None = None
    grain: float | None = None
    schemas: tuple[str, ...] = ()
    crs: tuple[str, ...] = ()
    required: bool = True
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        members = _members(self, ("step", "grain", "description"))
        for name in ("schemas", "crs"):
            if getattr(self, name):
                members[name] = list(getattr(self, name))
        if not self.required:
            members["required"] = False
        return {"role": self.role, **members, "variables": [column.to_json() for column in self.columns]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A parameter. Without ``default`` it is required. ``many``: it is a list of such values."""

    name: str
    type: str
    unit: str | None = None
    quantity: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    values: tuple[Any, ...] = ()
    many: bool = False
    required: bool = True
    empty: bool = False
    default: Any = None
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        members = _members(self, ("unit", "quantity", "minimum", "maximum", "decimals", "description"))
        if self.values:
            members["values"] = list(self.values)
        if self.many:
            members["many"] = True
        if self.required:
            members["required"] = True
        else:
            members["default"] = self.default
        return {"name": self.name, "type": self.type, **members}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """All declarations of a model's function. ``single``: it returns the rows of its one output, not a map."""

    name: str
    version: str
    title: str = ""
    description: str = ""
    deterministic: bool = True
    inputs: Mapping[str, Table] = field(default_factory=dict)
    outputs: Mapping[str, Table] = field(default_factory=dict)
    parameters: Mapping[str, Setting] = field(default_factory=dict)
    single: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            **_members(self, ("title", "description")),
            "deterministic": self.deterministic,
            "inputs": [table.to_json() for table in self.inputs.values()],
            "outputs": [table.to_json() for table in self.outputs.values()],
            "parameters": [setting.to_json() for setting in self.parameters.values()],
        }


def _members(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: member for name in names if (member := getattr(value, name)) not in (None, "")}
