"""The story of a published result: its page, the same in a frame of another site, and as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup
from starlette.responses import Response

from node.base.errors import InvalidInput, NotFound
from node.portal import headers
from node.portal.cities import cities
from node.portal.pages.runs import scenarios_of
from node.portal.runs import results
from node.portal.runs.stories import figures_of, picture_of
from node.portal.visit import Visit
from node.scenarios.model import AFTER, BEFORE
from node.scenarios.records.cards import licences_of
from node.scenarios.stories.model import NOT_SHOWN, Subject
from node.scenarios.stories.reader import PublishedStory
from node.scenarios.stories.view import citation, map_address, place_names

if TYPE_CHECKING:
    from node.portal.responder import Responder

_FRAME_SECONDS: Final = 300
"""Seconds for which a cache may keep a story in a frame: a result that is withdrawn is soon gone there too."""

_IFRAME: Final = Markup(
    '<iframe src="{address}" title="{title}" width="100%" height="900" style="border:0" loading="lazy" '
    'referrerpolicy="no-referrer"></iframe>'
)

_SURE: Final = (Subject.VALIDITY, Subject.LIMITS, Subject.CALIBRATION, Subject.RISK)
_MEASURED: Final = (Subject.SYNTHETIC, Subject.PROVENANCE)


async def story(responder: Responder, visit: Visit) -> Response:
    """``/record/story?iri=…``: the story, with the lines by which other sites show it."""
    edition = await _edition(responder, visit)
    is_embeddable = edition.is_public and bool(visit.settings.story_sites)
    return responder.render(
        visit,
        "story.html",
        **await _context(responder, visit, edition),
        snippet=_snippet(visit, edition) if is_embeddable else "",
        embed=_address(visit, "/record/story/embed", edition),
    )


async def embed(responder: Responder, visit: Visit) -> Response:
    """``/record/story/embed?iri=…``: the story of a public result for a frame of another site."""
    if not visit.settings.story_sites:
        raise NotFound
    edition = await _edition(responder, visit)
    response = responder.render(
        visit, "story-embed.html", **await _context(responder, visit, edition), style="", target="_blank"
    )
    headers.allow_frames(response.headers, visit.settings.story_sites)
    response.headers["Cache-Control"] = f"public, max-age={_FRAME_SECONDS}"
    response.headers["Vary"] = "Accept-Language"
    return response


async def file(responder: Responder, visit: Visit) -> Response:
    """``/record/story.html?iri=…``: the story as one file that needs nothing else."""
    edition = await _edition(responder, visit)
    response = responder.render(
        visit,
        "story-embed.html",
        **await _context(responder, visit, edition),
        style=responder.whole_style,
        target="",
    )
    name = edition.record.iri.rstrip("/").rpartition("/")[2]
    safe = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_"))[:80] or "story"
    response.headers["Content-Disposition"] = f'attachment; filename="{safe}.html"'
    return response


async def _edition(responder: Responder, visit: Visit) -> PublishedStory:
    iri, version = visit.request.query_params.get("iri", ""), visit.request.query_params.get("version", "")
    if not iri or len(iri) > 2048:
        raise NotFound
    if version and not (version.isdecimal() and len(version) < 10 and int(version) > 0):
        raise InvalidInput("the version is not a number", remedy="write ?version=1", facts={"case": "version-number"})
    stories = scenarios_of(responder).stories
    return await stories.read(iri, visit.caller, version=int(version) if version else None)


async def _context(responder: Responder, visit: Visit, edition: PublishedStory) -> dict[str, Any]:
    story, record = edition.story, edition.record
    assets = sorted(story.assets, key=lambda asset: not asset.is_public)
    return {
        "edition": edition,
        "record": record,
        "story": story,
        "title": story.words.titles or record.titles,
        "places": place_names(record),
        "cities": await cities(
            responder.node, visit.caller, {asset.node: asset.owner for asset in (*assets, story.scenario)}
        ),
        "assets": {
            kind: [asset for asset in assets if asset.kind == kind and asset.is_public]
            for kind in ("dataset", "model", "transformation")
        },
        "hidden": sum(not asset.is_public for asset in assets),
        "sure": [(asset, one) for asset in assets for one in asset.remarks if one.subject in _SURE],
        "measured": [(asset, one) for asset in assets for one in asset.remarks if one.subject in _MEASURED],
        "figures": figures_of(story.indicators),
        "picture": picture_of(edition, visit),
        "map_file": map_address(record) if story.map else "",
        "with_sign": results.with_sign,
        "licences": licences_of(record),
        "citation": citation(edition, visit.language),
        "not_shown": NOT_SHOWN,
        "branches": (BEFORE, AFTER),
        "root": _root(visit),
    }


def _root(visit: Visit) -> str:
    """Return scheme and host of this node: in a file of its own, and elsewhere, links have to say where they lead."""
    parts = urlsplit(visit.settings.public_url)
    return f"{parts.scheme}://{parts.netloc}"


def _address(visit: Visit, path: str, edition: PublishedStory) -> str:
    return f"{_root(visit)}{visit.url(path, iri=edition.record.iri, lang=visit.language)}"


def _snippet(visit: Visit, edition: PublishedStory) -> str:
    """Return the lines of HTML that show the story on another site."""
    title = visit.translate(edition.story.words.titles or edition.record.titles).text
    return str(
        _IFRAME.format(address=_address(visit, "/record/story/embed", edition), title=title or edition.record.iri)
    )
