"""Read and write ``hansa.toml``, the file of a node's settings in its data folder."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.settings.fields import fields_of
from node.settings.model import Settings
from node.settings.values import SettingFault

FILE = "hansa.toml"


def load(folder: Path) -> Settings:
    """Return the settings of the node in ``folder``. Raises ``InvalidInput`` with the name of the setting that is
    wrong."""
    # Other processes (the cage) work in folders of their own, where a relative path would be another place.
    folder = folder.resolve()
    path = folder / FILE
    if not path.is_file():
        raise InvalidInput(
            f"{folder} is not the folder of a node", remedy=f"hansa init {word(folder)} --name … --url …"
        )
    try:
        members = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {error}", remedy="correct the file; it is in TOML and UTF-8"
        ) from error
    # A relative path in this file is relative to the data folder, wherever the process was started.
    paths = [name for name, field in fields_of(Settings).items() if field.annotation == Path | None]
    files = [name for name in paths if members.get(name)]
    members |= {name: folder / members[name] for name in files}
    try:
        return Settings.of({"folder": folder, **members})
    except SettingFault as error:
        raise InvalidInput(
            f"setting {'.'.join(error.place) or '(all)'} in {path}: {error.words}",
            remedy="correct the setting; docs/reference/settings.md describes all of them",
        ) from error


def write(folder: Path, members: dict[str, Any]) -> Path:
    """Write ``hansa.toml`` with these settings; the folder must exist.

    Only the owner can read it, because the URL of a database may hold a password.
    """
    lines = ["# Settings of this node. All of them: docs/reference/settings.md", ""]
    for name, value in members.items():
        lines.append(f"{name} = {toml(value)}")
    path = folder / FILE
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def toml(value: Any) -> str:
    """Return ``value`` as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(str(k))} = {toml(v)}" for k, v in value.items()) + " }"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
