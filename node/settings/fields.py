"""Classes of settings: dataclasses whose fields have a description and limits, and are checked when one is made.

The standard library is enough for the few forms that settings have. A library for this took a tenth of the memory of
a node at rest, and a tenth of its start.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, get_type_hints

from node.settings.values import Limits, SettingFault, read

_REQUIRED: Final = object()
_META: Final = "setting"


@dataclass(frozen=True, slots=True)
class SettingField:
    """A setting in the form ``annotation``. ``make`` returns its default; None if it must be set."""

    annotation: Any
    description: str
    limits: Limits
    make: Callable[[], Any] | None

    def read(self, value: Any) -> Any:
        """Return ``value`` in the form of this setting. Raises ``SettingFault``."""
        return read(self.annotation, value, self.limits)


def setting(
    default: Any = _REQUIRED,
    *,
    default_factory: Callable[[], Any] | None = None,
    description: str = "",
    repr: bool = True,  # noqa: A002 - as dataclasses call it
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
) -> Any:
    """Return the declaration of a setting in a ``SettingGroup``: a number has the limits ``ge``, ``gt`` and ``le``, a
    text or a table ``min_length`` and ``max_length``. Without a default it must be set."""
    limits = Limits(ge=ge, gt=gt, le=le, min_length=min_length, max_length=max_length)
    make = default_factory or (None if default is _REQUIRED else lambda: default)
    metadata = {_META: (description, limits, make)}
    return dataclasses.field(default_factory=make or (lambda: _REQUIRED), repr=repr, metadata=metadata)


class SettingGroup:
    """The base of a class of settings, which is a frozen dataclass of fields made with ``setting``."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __post_init__(self) -> None:
        """Put each setting into its form. Raises ``SettingFault`` for the first that cannot be used."""
        members = {**vars(self), **self._overrides()}
        for name, own in fields_of(type(self)).items():
            try:
                if members[name] is _REQUIRED:
                    raise SettingFault("this setting is missing")
                # In this order, so that a check may read the settings before its own.
                object.__setattr__(self, name, self._check(name, own.read(members[name])))
            except SettingFault as fault:
                raise fault.below(name) from fault
            except ValueError as error:
                raise SettingFault(str(error), name) from error

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> Self:
        """Return the settings with these members. Raises ``SettingFault``, also for names that are no settings."""
        unknown = sorted(set(members) - set(fields_of(cls)))
        if unknown:
            raise SettingFault("there is no setting of this name", unknown[0])
        return cls(**members)

    def _overrides(self) -> Mapping[str, Any]:
        """Return the settings that take precedence over those that are given."""
        return {}

    def _check(self, name: str, value: Any) -> Any:
        """Return the value of the setting ``name``. Raises ``ValueError`` if it has the right form and is wrong."""
        return value


def fields_of(group: type[SettingGroup]) -> Mapping[str, SettingField]:
    """Return the settings of a class by name, in the order in which they are declared."""
    if group not in _FIELDS:
        hints = get_type_hints(group)
        _FIELDS[group] = {
            each.name: SettingField(hints[each.name], *each.metadata[_META]) for each in dataclasses.fields(group)
        }
    return _FIELDS[group]


_FIELDS: Final[dict[type[SettingGroup], Mapping[str, SettingField]]] = {}
