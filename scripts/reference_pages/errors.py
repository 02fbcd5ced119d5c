"""errors.md: every error with its code, from the subclasses of ``HansaError``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from reference_pages.markdown import code, first_paragraph, table

INTRO = """
# Errors

Every error says what is wrong (`detail`). If you can do something about it, the error also says what (`remedy`).
Programs should use `code`: it stays the same if the wording changes.

The management and catalogue APIs answer with problem documents (RFC 9457, `application/problem+json`). They contain
`type` (`urn:hansa:problem:` and the code), `title`, `status`, `code`, `detail`, `remedy`, `instance`, and for some
errors further members such as `findings`. A browser gets a page instead. The paths of the Dataspace Protocol answer
with the protocol's error objects, with `code` and `reason`. The details of an internal error are only in the node's
log.

The answer is the same if something does not exist and if the caller has no access to it.
"""

CLOSE = """
The exit statuses of the terminal are in [cli.md](cli.md).
"""

NOT_IMPORTED = ("node.cli", "node.client", "node.adapters.sql.migrations")
"""The caller's side of our own API, and what only runs inside Alembic."""


def errors() -> str:
    """The page."""
    from node.base.errors import HansaError

    for package in ("node", "federation"):
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not found.name.startswith(NOT_IMPORTED):
                import_module(found.name)
    by_code: dict[str, list[Any]] = {}
    for error in sorted(_below(HansaError), key=lambda one: (one.__module__, one.__qualname__)):
        ours = error.__module__.startswith(("node.", "federation.")) and not error.__module__.startswith(NOT_IMPORTED)
        if ours and not error.__name__.startswith("_"):
            by_code.setdefault(error.code, []).append(error)
    rows = [_row(name, classes) for name, classes in by_code.items()]
    rows.sort(key=lambda row: (row[1], row[0]))
    return INTRO + "\n" + table(["code", "HTTP status", "title", "whose fault", "meaning"], rows) + CLOSE


def _row(name: str, classes: list[Any]) -> list[str]:
    """One code: told by the classes that define it, those that only inherit it being special cases."""
    from node.base.errors import LocalFault, RemoteFault

    own = [one for one in classes if "code" in vars(one)] or classes
    remote, local = (any(issubclass(one, kind) for one in classes) for kind in (RemoteFault, LocalFault))
    whose = "either side's" if remote and local else "this node's" if local else "the caller's, or a peer's"
    words = " ".join(dict.fromkeys(first_paragraph(vars(one).get("__doc__")) for one in own)).strip()
    statuses = " or ".join(str(status) for status in sorted({one.status for one in classes}))
    return [code(name), statuses, own[0].title, whose, words or "See the title."]


def _below(kind: Any) -> Iterator[Any]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
