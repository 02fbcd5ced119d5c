"""The page on which publishers and stewards import the catalogue of another portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.identity.roles import UseCase, allowed
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.desk import Desk

ENDINGS: Final = (".ttl", ".jsonld", ".rdf", ".xml", ".nt", ".nq", ".trig", ".json")
"""Files that the form takes; the script of the page knows the media type of each."""


async def imports(desk: Desk, visit: Visit) -> Response:
    """``/imports``: the form; its script sends it to the API and shows the report as it comes."""
    return desk.render(
        visit,
        "imports.html",
        may=allowed(visit.caller, UseCase.PUBLISH),
        endings=ENDINGS,
    )
