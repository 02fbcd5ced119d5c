"""The settings in force, for the people who run a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from node.identity.model import Caller
from node.identity.roles import UseCase, require


class SettingSource(StrEnum):
    """The place that a setting comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInForce:
    """A setting. ``value`` is readable text; that of a secret says only whether it is set."""

    name: str
    value: str
    source: SettingSource
    description: str
    secret: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Configuration:
    """The settings with which this process was started."""

    def __init__(self, settings: Sequence[SettingInForce]) -> None:
        self._settings = settings

    def settings(self, by: Caller) -> Sequence[SettingInForce]:
        """Return them in the order of the reference. Raises ``NotAllowed``."""
        require(by, UseCase.READ_OPERATION)
        return self._settings
