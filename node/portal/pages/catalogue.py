"""Start, results, and the same results as CSV, RSS and Atom."""

from __future__ import annotations

import csv
import io
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from node.base.plaintext import harmless
from node.catalogue.browse import MAX_OFFSET
from node.catalogue.representations import VARY
from node.catalogue.search.hits import CatalogueHit
from node.identity.roles import UseCase, allowed
from node.portal import headers
from node.portal.atom import atom_feed, xml_text
from node.portal.facets import chips_of, facets_of
from node.portal.pages.data.maps import live_map
from node.portal.queries import Search, page_numbers
from node.portal.visit import Visit
from node.semantics.codelists.places import PLACES
from node.texts.languages import pick

if TYPE_CHECKING:
    from node.portal.responder import Responder

EXPORT_LIMIT: Final = 1000
FEED_LIMIT: Final = 50
ORDERS: Final = ("best", "newest", "quality", "published")
_STEP: Final = 100
_MOST_WORDS: Final = 6
_MOST_WIDER: Final = 6
"""The most searches that are tried for one without results."""


_BEGINNINGS: Final = (
    ("/publish", "nav.publish", UseCase.PUBLISH),
    ("/imports#source-url", "home.begin.harvest", UseCase.SCHEDULE_HARVESTS),
    ("/users#invite", "users.invite", UseCase.MANAGE_ACCOUNTS),
)
"""The work that people begin most often: address, text, and the use case that they must be allowed."""


async def start(responder: Responder, visit: Visit) -> Response:
    """``/``: a search box, counts by kind, new assets, and cities; first, for people of the node, their agenda."""
    catalogue, caller = responder.node.catalogue.browse, visit.caller
    return responder.render(
        visit,
        "start.html",
        counts=await catalogue.counts(caller),
        newest=await catalogue.newest(caller, limit=6, language=visit.language),
        publishers=await catalogue.publishers(caller),
        facts=await responder.node.operation.facts(),
        agenda=await responder.node.operation.agenda.of(caller) if visit.signed_in else None,
        beginnings=[(path, text) for path, text, use_case in _BEGINNINGS if allowed(caller, use_case)],
    )


async def results(responder: Responder, visit: Visit) -> Response:
    """``/search``: hits, facets as links, chips to take away, pages."""
    search = Search.read(visit.parameters())
    size = responder.settings.page_size
    matches = await responder.node.catalogue.browse.search(search.query(visit.language, size), visit.caller)
    names = {
        publisher.id: publisher.name for publisher in await responder.node.catalogue.browse.publishers(visit.caller)
    }
    chips = chips_of(visit, search, names)
    last = MAX_OFFSET // size
    pages = 1 if search.is_by_publication else max(1, min(-(-matches.total // size), last))
    return responder.render(
        visit,
        "search.html",
        search=search,
        results=matches,
        first=(search.page - 1) * size + 1,
        pages=pages,
        numbers=page_numbers(min(search.page, pages), pages),
        deep=matches.total > last * size and not search.is_by_publication,
        orders=[order for order in ORDERS if order != "best" or search.text],
        facets=facets_of(visit, search, matches.facets, names),
        chips=chips,
        box_map=live_map(responder, visit, ()),
        places=[place.name for place in PLACES],
        wider=await _wider(responder, visit, search, chips) if matches.total == 0 else (),
        api_query=_api_query(search, size, visit.language),
        region=visit.signed_in and responder.node.region.search.region(),
    )


async def results_csv(responder: Responder, visit: Visit) -> Response:
    """``/search.csv``: the first thousand hits as a table (RFC 4180)."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(("iri", "kind", "title", "description", "publisher", "access", "conditions", "version", "date"))
    for match in await _hits(responder, visit, EXPORT_LIMIT):
        record = match.record
        row = (
            record.iri,
            record.kind,
            pick(record.titles, visit.language)[0],
            pick(record.descriptions, visit.language)[0],
            record.publisher_name,
            str(match.access),
            match.conditions,
            str(record.version),
            record.at.isoformat(timespec="seconds"),
        )
        writer.writerow([harmless(cell) for cell in row])
    return _file(visit, sheet.getvalue(), "text/csv; charset=utf-8; header=present", "catalogue.csv")


async def results_rss(responder: Responder, visit: Visit) -> Response:
    """``/search.rss``: the newest fifty hits as RSS 2.0, for feed readers."""
    search = Search.read(visit.parameters())
    base = responder.settings.public_url.rstrip("/")
    name = f"{responder.settings.name}: {search.text}" if search.text else responder.settings.name
    items = []
    for found in await _hits(responder, visit, FEED_LIMIT, newest=True):
        record = found.record
        title, _ = pick(record.titles, visit.language)
        description, _ = pick(record.descriptions, visit.language)
        link = base + visit.asset(record).removeprefix(responder.settings.prefix)
        items.append(
            f"<item><title>{xml_text(title)}</title><link>{xml_text(link)}</link>"
            f'<guid isPermaLink="false">{xml_text(record.version_iri)}</guid>'
            f"<category>{xml_text(record.kind)}</category><description>{xml_text(description)}</description>"
            f"<pubDate>{format_datetime(record.at)}</pubDate></item>"
        )
    feed = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{xml_text(name)}</title><link>{xml_text(base + '/search' + search.query_string())}</link>"
        f"<description>{xml_text(visit.t('search.feed'))}</description><language>{visit.language}</language>"
        f"{''.join(items)}</channel></rss>\n"
    )
    return _file(visit, feed, "application/rss+xml; charset=utf-8", None)


async def results_atom(responder: Responder, visit: Visit) -> Response:
    """``/search.atom``: the newest fifty hits as an Atom feed (RFC 4287)."""
    search = Search.read(visit.parameters())
    name = f"{responder.settings.name}: {search.text}" if search.text else responder.settings.name
    hits = await _hits(responder, visit, FEED_LIMIT, newest=True)
    feed = atom_feed(
        visit,
        title=name,
        path="/search" + search.query_string(),
        records=[match.record for match in hits],
        own="/search.atom" + search.query_string(),
    )
    return _file(visit, feed, "application/atom+xml; charset=utf-8", None)


async def _hits(responder: Responder, visit: Visit, limit: int, *, newest: bool = False) -> list[CatalogueHit]:
    search = Search.read(visit.parameters())
    if newest:
        search = search.sorted_by("newest")
    search = search.on_page(1)
    hits: list[CatalogueHit] = []
    while True:
        query = search.query(visit.language, min(_STEP, limit))
        page = await responder.node.catalogue.browse.search(query, visit.caller)
        hits += page.hits
        if search.is_by_publication:
            search, is_last = search.after(page.cursor), not page.cursor
        else:
            search, is_last = search.on_page(search.page + 1), len(hits) >= page.total or not page.hits
        if is_last or len(hits) >= limit:
            break
    return hits[:limit]


async def _wider(
    responder: Responder, visit: Visit, search: Search, chips: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what to leave out of a search without results, with the number of results then, the most first."""
    # Without its only part, a search finds everything: that helps nobody.
    candidates = [(chip["word"], chip["search"]) for chip in chips] if len(chips) > 1 else []
    words = search.text.split()
    if 1 < len(words) <= _MOST_WORDS:
        shorter = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
        candidates = [(word, search.with_text(rest)) for word, rest in zip(words, shorter, strict=True)] + candidates
    wider = []
    for word, other in candidates[:_MOST_WIDER]:
        matches = await responder.node.catalogue.browse.search(other.query(visit.language, 1), visit.caller)
        if matches.total:
            wider.append({"word": word, "count": matches.total, "link": other.query_string()})
    return sorted(wider, key=lambda entry: -entry["count"])


def _api_query(search: Search, size: int, language: str) -> str:
    """Return the same query for ``GET /api/catalogue/search``, which counts by offset instead of pages."""
    pairs = [pair for pair in search.pairs() if pair[0] != "page"]
    if not search.is_by_publication:
        pairs.append(("offset", str((search.page - 1) * size)))
    pairs += [("limit", str(size)), ("lang", language)]
    return f"?{urlencode(pairs)}"


def _file(visit: Visit, text: str, media_type: str, download: str | None) -> Response:
    response = Response(text.encode("utf-8", errors="replace"), headers={"Content-Type": media_type})
    response.headers["Vary"] = VARY
    response.headers["Cache-Control"] = headers.cache_control(signed_in=not visit.caller.is_anonymous)
    response.headers["X-Content-Type-Options"] = "nosniff"
    if download:
        response.headers["Content-Disposition"] = f'attachment; filename="{download}"'
    return response
