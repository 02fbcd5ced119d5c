"""Texts of a catalogue as a dataclass, so that a name that is misspelt in the code does not type-check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

Model = TypeVar("Model")


def typed(model: type[Model], texts: Mapping[str, Any], prefix: str = "", **fields_given: Any) -> Model:
    """Return a ``model`` with the texts below ``prefix``; ``fields_given`` are the fields that are no texts.

    A field that is text is the text of that name, a ``dict`` all texts below it, a dataclass the same once more.
    Raises ``KeyError`` where a text is missing.
    """
    hints = get_type_hints(model)
    values: dict[str, Any] = {}
    for item in fields(model):  # type: ignore[arg-type]
        key, hint = f"{prefix}{item.name}", hints[item.name]
        if item.name in fields_given:
            values[item.name] = fields_given[item.name]
        elif isinstance(hint, type) and is_dataclass(hint):
            values[item.name] = typed(hint, texts, f"{key}.")
        elif key in texts:
            values[item.name] = texts[key]
        elif below := {name.removeprefix(f"{key}."): texts[name] for name in texts if name.startswith(f"{key}.")}:
            values[item.name] = below
        else:
            raise KeyError(key)
    return model(**values)
