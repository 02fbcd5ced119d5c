"""``make pictures``: pictures of the main pages with the content of the demonstration, and a sheet with all of them.

For a visitor, a steward and an operator, at 360 and 1280 pixels, light; ``--dark`` adds those in the dark.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import pytest

from tests.e2e.chromium import Chromium, binary
from tests.e2e.test_axe import READERS
from tests.e2e.test_pages import serve
from tests.fakes.portal.node import FakeNode
from tests.fakes.portal.table_questions import offer_part

WIDTHS = (360, 1280)
_STYLE = "body{font:14px sans-serif}figure{display:inline-block;vertical-align:top;margin:8px}img{max-height:420px}"


@contextmanager
def site() -> Iterator[str]:
    """The portal with a session for each reader."""
    node = FakeNode()
    node.sessions |= {f"{name}-session": caller for name, (caller, _) in READERS.items() if caller is not None}
    offer_part(node)
    served = serve(node)
    yield next(served)
    next(served, None)


async def take(folder: Path, path: str, base: str, *, dark: bool) -> list[Path]:
    """Take all pictures with the browser at ``path``; the files."""
    pictures = []
    async with Chromium(path) as tab:
        for reader, (caller, pages) in READERS.items():
            await tab.forget_cookies()
            if caller is not None:
                await tab.cookie(base, "hansa_session", f"{reader}-session")
            # One page of the demonstration breaks on purpose, and says so in the log.
            for page in (one for one in pages if one != "/broken"):
                for width in WIDTHS:
                    for tone in ("", "-dark") if dark else ("",):
                        await tab.look(base + page, width=width, dark=bool(tone))
                        name = re.sub(r"[^A-Za-z0-9]+", "-", page).strip("-")[:60] or "home"
                        picture = folder / f"{reader}-{name}-{width}{tone}.png"
                        await tab.picture(picture)
                        pictures.append(picture)
    return pictures


def sheet(pictures: list[Path]) -> str:
    """The page with all pictures."""
    figures = "".join(
        f'<figure><a href="{escape(one.name)}"><img src="{escape(one.name)}" alt=""></a>'
        f"<figcaption>{escape(one.stem)}</figcaption></figure>"
        for one in pictures
    )
    return f"<!doctype html><meta charset=utf-8><title>Pictures</title><style>{_STYLE}</style>{figures}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dark", action="store_true", help="also in the dark")
    parser.add_argument("--folder", type=Path, default=Path("build/pictures"))
    options = parser.parse_args()
    try:
        path = binary()
    except pytest.skip.Exception as error:
        print(f"no pictures: {error}", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    with site() as base:
        pictures = asyncio.run(take(options.folder, path, base, dark=options.dark))
    (options.folder / "index.html").write_text(sheet(pictures), "utf-8")
    print(f"{len(pictures)} pictures: {options.folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
