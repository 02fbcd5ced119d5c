"""The nodes of the demonstration after it has run, each with a person who signs in, and the pages that links lead to.

``make bench`` measures these pages, and ``make pictures`` shows them.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

import httpx2
from starlette.routing import Match, Route

from demo.nodes import HANSA, Member, until
from tests.fakes.portal.node import FakeNode, application
from tests.portal_browser import csrf_of

ROLES: Final = ("publisher", "steward", "signatory", "operator", "auditor")
SECONDS: Final = 1200
_LINK: Final = re.compile(r'<a\b[^>]*\shref="([^"]+)"')
_NO_PAGE: Final = re.compile(r"^/(broken|health|api|portal)\b|\.\w+$|/(file|manifest)$")
"""Routes that answer with something else than a page."""
_STATES: Final = frozenset({"version", "count", "show", "check", "document", "partner", "from", "compare"})
"""Parts of a query that make another page of the same route."""


def demonstrate(home: Path) -> None:
    """Run ``hansa demo`` in ``home`` unless it has run there; its nodes have ended. Raises ``RuntimeError``."""
    if (home / "gent" / "hansa.toml").exists():
        return
    command = [*HANSA, "demo", "--folder", str(home)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("HANSA_")}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=own, timeout=SECONDS)
    if ended.returncode != 0:
        raise RuntimeError(f"the demonstration failed: {ended.stdout[-800:]}{ended.stderr[-800:]}")


def member(home: Path, key: str) -> Member:
    """A node of the demonstration that has run in ``home``."""
    settings = tomllib.loads((home / key / "hansa.toml").read_text("utf-8"))
    return Member(key, settings["name"], home, settings["port"], settings={"log_level": "error"})


@contextmanager
def serving(home: Path, *keys: str) -> Iterator[list[Member]]:
    """These nodes of the demonstration, ready."""
    members = [member(home, key) for key in keys]
    with ExitStack() as stack:
        for each in members:
            each.serve()
            stack.callback(each.stop)
        for each in members:
            await_ready(each)
        yield members


def await_ready(node: Member) -> None:
    """Wait until a node answers that it is ready, however busy the machine is."""
    with node.client() as client:
        until(f"{node.name} is ready", lambda: not client.hindrance(), seconds=SECONDS)


@contextmanager
def person(node: Member, roles: tuple[str, ...] = ROLES) -> Iterator[httpx2.Client]:
    """The browser of a person with these roles, who was invited just now and is signed in."""
    login, password = f"person-{secrets.token_hex(4)}", secrets.token_urlsafe(18)
    with node.client() as client:
        link = client.invite(login, "Els Peeters", list(roles))["link"]["url"]
    with visitor(node) as browser:
        secret = urlsplit(link).path.rpartition("/")[2]
        _post(browser, urlsplit(link).path, "/invitation", secret=secret, password=password, again=password)
        yield browser


def visitor(node: Member) -> httpx2.Client:
    """The browser of a visitor who is not signed in."""
    headers = {"Accept": "text/html", "Accept-Language": "en", "Origin": node.url}
    # A node closes connections that wait for longer.
    limits = httpx2.Limits(keepalive_expiry=1)
    return httpx2.Client(base_url=node.url, headers=headers, timeout=SECONDS, trust_env=False, limits=limits)


def add_work(node: Member, browser: httpx2.Client) -> None:
    """Let the person begin what the demonstration does not: a draft, a subscription, a webhook, a question."""
    iri = f"{node.url}/datasets/road-network"
    _post(browser, "/datasets/road-network", "/record/edit", iri=iri)
    with node.client() as client:
        client.subscriptions.add_asset(iri)
        client.questions.ask(iri, "Are the cycle streets of 2026 in it?")
        client.webhooks.add("airflow", f"{node.url}/hook")


def _post(browser: httpx2.Client, form: str, path: str, **fields: str) -> None:
    answer = browser.post(path, data={"csrf": csrf_of(browser.get(form).text), **fields})
    if answer.status_code != 303:
        raise RuntimeError(f"{path} answers {answer.status_code}")


def page_routes() -> list[Route]:
    """The routes of all pages, in the order in which they are tried."""
    return [
        route
        for route in application(FakeNode()).routes
        if isinstance(route, Route) and "GET" in (route.methods or ()) and not _NO_PAGE.search(route.path)
    ]


def route_of(address: str, routes: list[Route]) -> str:
    """The route of a page, or "" where none leads there; of an asset: with its kind. An export is no page: it would
    take the route of an asset."""
    path = urlsplit(address).path
    if _NO_PAGE.search(path):
        return ""
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": []}
    for route in routes:
        if route.matches(scope)[0] is Match.FULL:
            return f"/{path.split('/')[1]}/{{slug}}" if route.path == "/{plural}/{slug}" else route.path
    return ""


def pages(browser: httpx2.Client, *, of_each: int = 1, states: bool = False) -> dict[str, list[str]]:
    """Follow links from the start page: the addresses of pages by route, at most ``of_each`` of each that answer 200.

    ``states``: the same route with another version, tab or count is another page.
    """
    base, routes = str(browser.base_url).rstrip("/"), page_routes()
    reached: dict[str, list[str]] = {}
    tried: Counter[str] = Counter()
    waiting = ["/", "/search?q=bicycle", "/sign-in", "/search/region?q=noise"]
    seen = set(waiting)
    while waiting:
        address = waiting.pop(0)
        name = _name(address, routes, states=states)
        if not name or tried[name] >= of_each + 3 or len(reached.get(name, ())) >= of_each:
            continue
        tried[name] += 1
        answer = browser.get(address)
        if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        reached.setdefault(name, []).append(address)
        for link in _LINK.findall(answer.text):
            target = urldefrag(urljoin(base + address, unescape(link))).url
            if target.startswith(f"{base}/") and (rest := target.removeprefix(base)) not in seen:
                seen.add(rest)
                waiting.append(rest)
    return reached


def _name(address: str, routes: list[Route], *, states: bool) -> str:
    name = route_of(address, routes)
    keys = sorted({key.split(".")[0] for key, _ in parse_qsl(urlsplit(address).query)} & _STATES)
    return f"{name}?{'&'.join(keys)}" if name and keys and states else name
