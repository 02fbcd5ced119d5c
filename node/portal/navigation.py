"""The menu of the pages, by task: the sections that a reader may open, their pages, and which of them is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.portal.visit import PLURALS, Visit


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of the menu. ``uses``: any one of these use cases is enough; none: every person of the node."""

    path: str
    key: str
    uses: tuple[UseCase, ...] = ()
    issuer: bool = False
    scenarios: bool = False


@dataclass(frozen=True, slots=True)
class _Section:
    """A task, with its pages. ``others``: paths of pages that belong to it, and are not in the menu."""

    key: str
    pages: tuple[_Page, ...]
    others: tuple[str, ...] = ()


_PUBLISH, _DECIDE = UseCase.PUBLISH, UseCase.DECIDE

SECTIONS: Final = (
    _Section(
        "nav.find",
        (
            _Page("/search", "nav.catalogue"),
            _Page("/subscriptions", "nav.subscriptions"),
            _Page("/members", "nav.members"),
        ),
        (
            "/record",
            "/sparql",
            "/term",
            "/terms",
            "/schema",
            "/ontology",
            "/transformation",
            *(f"/{plural}" for plural in PLURALS.values()),
        ),
    ),
    _Section(
        "nav.offer",
        (
            _Page("/publish", "nav.publish", (_PUBLISH,)),
            _Page("/changes", "nav.changes", (_PUBLISH,)),
            _Page("/imports", "nav.imports", (_PUBLISH, UseCase.SCHEDULE_HARVESTS)),
            _Page("/quality", "nav.quality", (_PUBLISH, UseCase.SCHEDULE_HARVESTS)),
            _Page("/sources", "nav.sources", (UseCase.MANAGE_DATA_SOURCES,)),
        ),
        ("/record/withdraw", "/ontology/publish"),
    ),
    _Section(
        "nav.requests",
        (
            _Page("/decisions", "nav.decisions"),
            _Page("/questions", "nav.questions"),
            _Page("/applications", "nav.applications", issuer=True),
        ),
    ),
    _Section(
        "nav.agreements",
        (
            _Page("/agreements", "nav.agreements"),
            _Page("/received", "nav.received", (UseCase.READ_RECEIVED,)),
            _Page("/shipments", "nav.shipments", (UseCase.RECEIVE,)),
            _Page("/processes", "nav.processes"),
        ),
    ),
    _Section(
        "nav.scenarios",
        (
            _Page("/runs", "nav.runs", (UseCase.READ_RESULTS,), scenarios=True),
            _Page("/layers", "nav.layers", (UseCase.CHANGE_LAYERS,), scenarios=True),
        ),
        ("/scenario",),
    ),
    _Section(
        "nav.operate",
        (
            _Page("/operate", "nav.health", (UseCase.READ_OPERATION,)),
            _Page("/deliveries", "nav.deliveries", (UseCase.HANDLE_DELIVERIES,)),
            _Page("/webhooks", "nav.webhooks", (UseCase.MANAGE_WEBHOOKS,)),
            _Page("/subscribers", "nav.subscribers", (UseCase.MANAGE_DATA_SOURCES,)),
            _Page("/region", "nav.region", (UseCase.JOIN, UseCase.READ_AUDIT)),
            _Page("/operate/place", "nav.place", (UseCase.STATE_PLACE,)),
            _Page("/users", "nav.users", (UseCase.MANAGE_ACCOUNTS,)),
            _Page("/issued", "nav.issued", (UseCase.REVOKE,), issuer=True),
            _Page("/rulebook", "nav.rulebook", (UseCase.REVOKE, UseCase.READ_AUDIT), issuer=True),
            _Page("/keys", "nav.keys", (UseCase.CHANGE_KEYS,)),
            _Page("/operate/storage", "nav.storage", (UseCase.READ_OPERATION,)),
            _Page("/operate/settings", "nav.settings", (UseCase.READ_OPERATION,)),
            _Page("/operate/audit", "nav.audit", (UseCase.READ_AUDIT,)),
        ),
    ),
)

VISITORS: Final = (_Page("/search", "nav.catalogue"), _Page("/members", "nav.members"), _Page("/about", "nav.about"))
"""The pages in the menu of visitors."""


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link of the menu. ``current`` is the value of ``aria-current``: ``page``, ``true`` (a page below it), or
    empty; ``count`` is how much waits there; ``pages`` are those of a section."""

    key: str
    path: str
    current: str = ""
    count: int = 0
    pages: tuple[MenuEntry, ...] = ()


def menu(visit: Visit, *, issuer: bool, scenarios: bool) -> tuple[MenuEntry, ...]:
    """Return the menu of the reader. ``issuer``: this node issues credentials; ``scenarios``: it runs scenarios."""
    path = visit.path
    if not visit.signed_in:
        return tuple(MenuEntry(page.key, page.path, _current(page.path, path)) for page in VISITORS)
    place = max(_places(), key=lambda known: (_covers(known[1], path), len(known[1])))
    open_key = place[0] if _covers(place[1], path) else ""
    entries = []
    for section in SECTIONS:
        pages = [page for page in section.pages if _is_open_to(page, visit.caller, issuer, scenarios)]
        if not pages:
            continue
        links = tuple(MenuEntry(page.key, page.path, _current(page.path, path)) for page in pages)
        first = "page" if links[0].current == "page" and len(links) == 1 else ""
        entries.append(
            MenuEntry(
                section.key,
                links[0].path,
                first or ("true" if section.key == open_key else ""),
                visit.waiting if section.key == "nav.requests" else 0,
                links,
            )
        )
    return tuple(entries)


def _is_open_to(page: _Page, caller: Caller, issuer: bool, scenarios: bool) -> bool:
    if (page.issuer and not issuer) or (page.scenarios and not scenarios):
        return False
    return not page.uses or any(allowed(caller, use) for use in page.uses)


def _places() -> Iterator[tuple[str, str]]:
    """Yield (section, path) for each path that belongs to a section."""
    for section in SECTIONS:
        for path in (*(page.path for page in section.pages), *section.others):
            yield section.key, path


def _covers(place: str, path: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _current(place: str, path: str) -> str:
    return "page" if path == place else "true" if _covers(place, path) and place != "/operate" else ""


def section_pages(entries: Sequence[MenuEntry]) -> MenuEntry | None:
    """Return the open section of ``entries`` if it has more than one page."""
    return next((entry for entry in entries if entry.current and len(entry.pages) > 1), None)
