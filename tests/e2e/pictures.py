"""``make pictures``: pictures of all pages of running nodes, and a sheet with all of them.

The nodes are a city and a region of the demonstration, which runs once in ``build/demonstration``. Pages that no link
leads to there come from the portal over the content of the demonstration in memory. For a visitor, a person of the
city and one of the region, at 360, 768 and 1280 pixels, light and dark. ``--docs`` takes those that illustrate the
documentation instead, into ``docs/pictures``.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.chromium import Chromium, binary
from tests.e2e.demonstration import (
    add_work,
    demonstrate,
    page_routes,
    pages,
    person,
    route_of,
    serving,
    visitor,
)
from tests.e2e.test_axe import READERS
from tests.e2e.test_pages import BROKEN_ONES, serve
from tests.fakes.portal.node import AGREEMENT, COUNTS, FakeNode
from tests.fakes.portal.scenarios import DONE, SLOWER, SPEED_LAYER
from tests.fakes.portal.table_questions import offer_part
from tests.fakes.stores.drafts import DRAFT

WIDTHS = (360, 768, 1280)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "pictures"
OF_EACH = 1
"""Pages of one route and state."""
LARGEST = 60_000
"""Bytes of a picture of the documentation."""
_STYLE = (
    "body{font:14px sans-serif}figure{display:inline-block;vertical-align:top;margin:8px}"
    "img{max-height:420px;max-width:640px;border:1px solid #999}"
)


@dataclass(frozen=True)
class Illustration:
    """A picture of the documentation: of ``page``, as ``reader`` sees it, ``height`` pixels of it."""

    name: str
    reader: str
    page: str
    height: int = 900
    width: int = 1280


ILLUSTRATIONS = (
    Illustration("start", "visitor", "/"),
    Illustration("search", "visitor", "/search?q=verkeer&kind=dataset"),
    Illustration("dataset", "visitor", "/datasets/traffic-counts", 1000),
    Illustration("phone", "visitor", "/datasets/traffic-counts", 800, 360),
    Illustration("home", "steward", "/"),
    Illustration("describe", "steward", f"/publish/{DRAFT}", 1200),
    Illustration("preview", "steward", f"/publish/{DRAFT}/preview", 1200),
    Illustration("requests", "steward", "/decisions"),
    Illustration("agreement", "steward", f"/agreements/{AGREEMENT}?check=now", 1200),
    Illustration("run", "steward", f"/runs/{DONE}", 1700),
    Illustration("compare", "steward", f"/runs/compare?run={quote(DONE)}&run={quote(SLOWER)}", 2400),
    Illustration("layer", "steward", f"/layers/{SPEED_LAYER}?feature=gent-seg-020", 1200),
    Illustration("quality", "steward", f"/quality?record={quote(COUNTS, safe='')}"),
    Illustration("health", "operator", "/operate"),
)


@contextmanager
def site() -> Iterator[str]:
    """The portal with a session for each reader."""
    node = FakeNode()
    node.sessions |= {f"{name}-session": caller for name, (caller, _) in READERS.items() if caller is not None}
    offer_part(node)
    served = serve(node)
    try:
        yield next(served)
    finally:
        next(served, None)


async def _sign_in(tab: Chromium, base: str, reader: str) -> None:
    await tab.forget_cookies()
    if READERS[reader][0] is not None:
        await tab.cookie(base, "hansa_session", f"{reader}-session")


@dataclass(frozen=True)
class Subject:
    """A page of which pictures are taken, and the cookie of the reader's session."""

    name: str
    url: str
    session: str = ""


@contextmanager
def running_pages(home: Path) -> Iterator[list[Subject]]:
    """Pages of nodes that run: of a city for a visitor and for a person, of the region for its person."""
    demonstrate(home)
    with serving(home, "gent", "vlaanderen") as (city, region), ExitStack() as stack:
        browsers = {
            "visitor": stack.enter_context(visitor(city)),
            "city": stack.enter_context(person(city)),
            "region": stack.enter_context(person(region)),
        }
        add_work(city, browsers["city"])
        subjects: list[Subject] = []
        for reader, browser in browsers.items():
            session = browser.cookies.get("hansa_session") or ""
            base = str(browser.base_url).rstrip("/")
            for name, addresses in pages(browser, of_each=OF_EACH, states=True).items():
                subjects += [
                    Subject(f"{reader}{_slug(name)}-{number}", base + address, session)
                    for number, address in enumerate(addresses, 1)
                ]
        yield subjects


def other_pages(base: str, shown: set[str]) -> list[Subject]:
    """Pages over the content in memory whose route is none of ``shown``; the errors too."""
    routes = page_routes()
    subjects = []
    for reader, (caller, paths) in READERS.items():
        session = f"{reader}-session" if caller is not None else ""
        for path in dict.fromkeys(paths):
            # One page of the demonstration breaks on purpose, and says so in the log.
            if path != "/broken" and (path in BROKEN_ONES or route_of(path, routes) not in shown):
                subjects.append(Subject(f"memory-{len(subjects):02}-{reader}{_slug(path)}", base + path, session))
    return subjects


def _slug(address: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", address).strip("-")[:60]
    return f"-{words or 'home'}"


async def take(folder: Path, path: str, subjects: Sequence[Subject]) -> list[Path]:
    """Take all pictures with the browser at ``path``; the files."""
    pictures = []
    async with Chromium(path) as tab:
        for subject in subjects:
            await tab.forget_cookies()
            if subject.session:
                await tab.cookie(subject.url, "hansa_session", subject.session)
            await tab.look(subject.url)
            for tone in ("", "-dark"):
                for width in WIDTHS:
                    await tab.resize(width=width, dark=bool(tone))
                    picture = folder / f"{subject.name}-{width}{tone}.webp"
                    await tab.picture(picture)
                    pictures.append(picture)
    return pictures


async def illustrate(folder: Path, path: str, base: str) -> list[Path]:
    """Take the pictures of the documentation; the files. Raises ``ValueError`` for one that is too large."""
    pictures = []
    async with Chromium(path) as tab:
        for illustration in ILLUSTRATIONS:
            await _sign_in(tab, base, illustration.reader)
            await tab.look(base + illustration.page, width=illustration.width)
            picture = folder / f"{illustration.name}.webp"
            for quality in (60, 45, 30, 15):
                await tab.picture(picture, limit=illustration.height, quality=quality)
                if picture.stat().st_size <= LARGEST:
                    break
            if picture.stat().st_size > LARGEST:
                raise ValueError(f"{picture} has {picture.stat().st_size} bytes: at most {LARGEST}")
            pictures.append(picture)
    return pictures


def sheet(pictures: Sequence[Path]) -> str:
    """The page with all pictures: a section for each page, its widths and tones beside one another."""
    sections: dict[str, list[Path]] = {}
    for picture in pictures:
        sections.setdefault(re.sub(r"-\d+(-dark)?$", "", picture.stem), []).append(picture)
    body = "".join(
        f"<h2>{escape(name)}</h2>"
        + "".join(
            f'<figure><a href="{escape(file.name)}"><img loading="lazy" src="{escape(file.name)}" alt=""></a>'
            f"<figcaption>{escape(file.stem.removeprefix(name).strip('-'))}</figcaption></figure>"
            for file in files
        )
        for name, files in sections.items()
    )
    return f"<!doctype html><meta charset=utf-8><title>Pictures</title><style>{_STYLE}</style>{body}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", action="store_true", help="the pictures of the documentation instead")
    parser.add_argument("--home", type=Path, default=Path("build/demonstration"), help="where the nodes are")
    parser.add_argument("--folder", type=Path, help="where; by default build/pictures, or docs/pictures with --docs")
    options = parser.parse_args()
    try:
        path = binary()
    except pytest.skip.Exception as error:
        print(f"no pictures: {error}", file=sys.stderr)
        return 1
    folder: Path = options.folder or (DOCS if options.docs else Path("build/pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    with site() as base:
        if options.docs:
            pictures = asyncio.run(illustrate(folder, path, base))
            print(f"{len(pictures)} pictures: {folder}")
            return 0
        with running_pages(options.home.resolve()) as subjects:
            routes = page_routes()
            shown = {route_of(subject.url, routes) for subject in subjects}
            pictures = asyncio.run(take(folder, path, [*subjects, *other_pages(base, shown)]))
    (folder / "index.html").write_text(sheet(pictures), "utf-8")
    print(f"{len(pictures)} pictures: {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
