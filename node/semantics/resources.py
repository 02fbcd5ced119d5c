"""The folders of shapes, ontologies and policies: inside an installed wheel, or at the root of a checkout."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from node.base.errors import LocalFault

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Return the folder ``shapes``, ``ontologies`` or ``policies``.

    A wheel carries it as ``node/_data/<name>``; a checkout has it beside ``node``. Raises ``LocalFault`` if neither
    exists: the installation is broken, and no request can repair it.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise LocalFault(f"the folder {name!r} is missing from this installation", remedy="install Hansa again")


@lru_cache(maxsize=64)
def read(name: str, file: str) -> bytes:
    """Return the bytes of one file of a folder, read once for each process. Raises ``LocalFault`` if it is
    missing."""
    path = folder(name) / file
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalFault(f"{name}/{file} cannot be read: {error.strerror}", remedy="install Hansa again") from error


def names(name: str, suffix: str = ".ttl") -> tuple[str, ...]:
    """Return the files of a folder that end in ``suffix``, sorted."""
    return tuple(sorted(path.name for path in folder(name).iterdir() if path.name.endswith(suffix)))
