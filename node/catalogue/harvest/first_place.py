"""The first page of a source, which some servers name themselves."""

from __future__ import annotations

from collections.abc import Mapping

from node.base.errors import InvalidInput
from node.catalogue.harvest.harvest_order import Harvester
from node.catalogue.harvest.source_addresses import first_page, following
from node.catalogue.harvest.source_pages import Reader
from node.semantics.harvest.refusals import source_fault
from node.semantics.harvest.xml.requests import entrance


async def first_place(reader: Reader, harvester: Harvester, url: str) -> tuple[str, Mapping[str, str]]:
    """Return the address of the first page, and the title of the source if the server states it beforehand.

    Raises ``InvalidInput`` if a CSW server or a repository does not answer as one.
    """
    door = entrance(url)
    if not door:
        return first_page(url), {}
    page = await reader.read(door, None)
    assert page is not None  # nothing is known about it, so it cannot be unchanged
    answer = await harvester.pieces(page, ())
    start = following(page.url, answer.next)
    if not start:
        raise source_fault(InvalidInput, "address", address=door)
    return start, answer.title
