"""The settings in force, each with the place that it comes from; secrets are left out."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from node.operation.configuration import SettingInForce, SettingSource
from node.settings.fields import SettingGroup, fields_of
from node.settings.file import FILE
from node.settings.model import PREFIX, Settings

SECRETS: Final = frozenset({"metrics_token", "keys_wrapped_by_command"})
"""Settings whose value is shown to nobody: a command may have a password among its words."""

_PASSWORD: Final = re.compile(
    r"(?<=://)[^/@\s]*@|(?<=[?&])[^=&\s]*(?:password|secret|key|token)[^=&\s]*=[^&\s]*", re.I
)
"""The user and password of an address, and parameters that may hold a secret."""


def settings_in_force(settings: Settings) -> Sequence[SettingInForce]:
    """Return all settings in the order of the reference."""
    members = _members(settings.folder / FILE)
    variables = {name.lower() for name in os.environ}
    rows = []
    for name, field in fields_of(Settings).items():
        value, secret = getattr(settings, name), name in SECRETS
        source = (
            SettingSource.ENVIRONMENT
            if f"{PREFIX}{name}".lower() in variables
            else SettingSource.FILE
            if name in members
            else SettingSource.DEFAULT
        )
        words = ("set" if value else "") if secret else _readable(value)
        rows.append(
            SettingInForce(name=name, value=words, source=source, description=field.description, secret=secret)
        )
    return rows


def _members(path: Path) -> frozenset[str]:
    try:
        return frozenset(tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return frozenset()  # A process that got its settings from elsewhere.


def _readable(value: Any) -> str:
    """Return a value as text, without passwords in addresses."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Path):
        return _PASSWORD.sub("…", str(value))
    return _PASSWORD.sub("…", json.dumps(_plain(value), ensure_ascii=False)) if value else ""


def _plain(value: Any) -> Any:
    if isinstance(value, SettingGroup):
        value = vars(value)
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    return str(value) if isinstance(value, Path) else value
