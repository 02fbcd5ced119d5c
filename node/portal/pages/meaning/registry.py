"""The page of the schema registry: its address for programs, the subjects, and the versions of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 200
"""Subjects that the page lists; a search finds the others."""


async def registry(responder: Responder, visit: Visit) -> Response:
    """``GET /schema/registry``: the subjects, with ``q`` those with this text; with ``subject=NAME`` its versions."""
    query = visit.request.query_params
    text, subject = query.get("q", "").strip()[:200], query.get("subject", "")
    histories = responder.node.catalogue.meaning.schema_histories
    history = await histories(subject, visit.caller) if subject else None
    subjects = () if subject else await histories.subjects(visit.caller, text=text)
    return responder.render(
        visit,
        "registry.html",
        text=text,
        history=history,
        subjects=subjects[:SHOWN],
        total=len(subjects),
        example=history.subject.name if history else subjects[0].name if subjects else "NAME",
    )
