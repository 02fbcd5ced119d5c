"""Addresses of the pages of a source: which page is the first, which one follows, and what the source is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit, urlunsplit

from node.semantics.harvest.xml.requests import entrance

_CKAN: Final = re.compile(r"(https?://[^?#]*/api(?:/[1-9])?)(?:/action(?:/.*)?|/)?", re.ASCII)
_RECORDS: Final = re.compile(r"https?://[^?#]*/collections/[^/?#]+/items/?", re.ASCII)
ROWS: Final = 200
"""Packages or records per request; a portal with a lower limit answers with fewer."""


def ckan_api(url: str) -> str:
    """Return the root of CKAN's API if ``url`` is one of its addresses (``https://data.example/api/3``), else ""."""
    match = _CKAN.fullmatch(url.partition("?")[0])
    return match[1] if match else ""


def source_name(url: str, catalogues: Sequence[str]) -> str:
    """Return the name of the source at ``url``: the portal of a CKAN, the first of ``catalogues``, or the address."""
    portal = ckan_api(url).rpartition("/api")[0]
    if entrance(url):
        return url.partition("?")[0]
    return portal or next(iter(catalogues), "") or (url.partition("?")[0] if is_items(url) else url)


def first_page(url: str) -> str:
    """Return the address of the first page: ``url`` itself, the first packages of a CKAN, or the first items of a
    collection of OGC API Records."""
    if api := ckan_api(url):
        return ckan_page(api, 0)
    return f"{url}?limit={ROWS}" if is_items(url) and "?" not in url else url


def is_items(url: str) -> bool:
    """Return whether ``url`` is the items of a collection of an OGC API, as OGC API Records has them."""
    return _RECORDS.fullmatch(url.partition("?")[0]) is not None


def ckan_page(api: str, start: int) -> str:
    """Return the address of the packages of a CKAN from number ``start`` on, in an order that stays the same."""
    return f"{api}/action/package_search?rows={ROWS}&start={start}&sort=id%20asc"


def ckan_start(page: str) -> int:
    """Return the number of the first package of a page with an address from ``ckan_page``."""
    return int(parse_qs(urlsplit(page).query)["start"][0])


def following(page: str, reference: str) -> str:
    """Return the address of the next page that ``page`` states, on the host of ``page``: portals behind proxies
    state internal host names."""
    if not reference:
        return ""
    here, there = urlsplit(page), urlsplit(urljoin(page, reference))
    return urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))
