"""Texts of a catalogue as a dataclass, so that the type checker finds misspelt names in the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

Model = TypeVar("Model")


def build_texts(model: type[Model], texts: Mapping[str, Any], prefix: str = "", **other_fields: Any) -> Model:
    """Return a ``model`` with the texts below ``prefix``; ``other_fields`` are the fields that are not texts.

    A string field gets the text of its name, a ``dict`` gets all texts below its name, and a dataclass is filled in
    the same way. Raises ``KeyError`` if a text is missing.
    """
    hints = get_type_hints(model)
    values: dict[str, Any] = {}
    for item in fields(model):  # type: ignore[arg-type]
        key, hint = f"{prefix}{item.name}", hints[item.name]
        if item.name in other_fields:
            values[item.name] = other_fields[item.name]
        elif isinstance(hint, type) and is_dataclass(hint):
            values[item.name] = build_texts(hint, texts, f"{key}.")
        elif key in texts:
            values[item.name] = texts[key]
        elif below := {name.removeprefix(f"{key}."): texts[name] for name in texts if name.startswith(f"{key}.")}:
            values[item.name] = below
        else:
            raise KeyError(key)
    return model(**values)
