"""Replies to a peer after its message was taken, and the crash points at which a test may end the node meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from node.base.crashpoints import crashpoint, die, due
from node.base.jsons import canonical
from node.catalogue.representations import VARY, acceptable
from node.dialogue.conversation import Answer
from node.identity.model import Caller
from node.negotiation import machine as negotiating
from node.semantics.profiles.graph_queries_client import GraphAnswer
from node.semantics.profiles.table_queries_client import FORMS, PARQUET, TableAnswer
from node.transfer import machine as transferring
from node.transfer.queries.requests import VERSION_HEADER, PartnerAnswer

SHEETS: Final = {"text/csv": "csv", "text/tab-separated-values": "tsv"}
"""Media types that a browser hands to a spreadsheet → the ending of the file name."""


PRIVATE: Final = {
    "Cache-Control": "private, no-store",
    "Vary": "Authorization",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""The headers of what is for the one holder of a token."""

SANDBOXED: Final = {**PRIVATE, "Content-Security-Policy": "sandbox; default-src 'none'"}
"""The same, for errors where data of others are answered too."""

CONFINED: Final = {
    **SANDBOXED,
    # Never shown in place: data of strangers must not run at this node's origin.
    "Content-Disposition": "attachment",
}
"""The headers of data of others, for the one caller who may have them."""


def kept_as(media_type: str, name: str) -> dict[str, str]:
    """Return the header that has a browser save a table as ``name`` rather than show it (RFC 6266); empty for other
    forms.

    The cells are not changed: these are formats for machines (SPARQL 1.1 Query Results CSV and TSV; rows with a
    hash). Tables for people have an apostrophe before a formula (``node.portal.pages.catalogue.harmless``).
    """
    ending = SHEETS.get(media_type.partition(";")[0].strip().lower())
    return {"Content-Disposition": f'attachment; filename="{name}.{ending}"'} if ending else {}


def kept_for(caller: Caller) -> dict[str, str]:
    """Return the cache headers of a catalogue answer: an answer for everybody may be stored but must be revalidated;
    an answer for a known caller is private."""
    return {"Vary": VARY, "Cache-Control": "no-cache" if caller.is_anonymous else "private, no-store"}


def is_unchanged(request: Request, tag: str) -> bool:
    """Return whether the caller already has the content of ``tag``, a strong ETag (RFC 9110 §13.1.2)."""
    given = request.headers.get("if-none-match", "")
    return tag in (part.strip().removeprefix("W/") for part in given.split(",")) or given.strip() == "*"


LEAVING: Final = 0.1
"""Seconds until bytes that were handed to the server have left, for a node that is about to be ended."""


def point(message: str, place: str) -> str:
    """Return the crash point at ``place`` of an incoming message, by the message's name in its table."""
    table = transferring.TABLE if message.startswith("Transfer") else negotiating.TABLE
    return f"{table.name}.{message}.{place}"


def reply(answer: Answer, message: str) -> Response:
    """Return the answer to a message that was taken and committed."""
    crashpoint(point(message, "R3"))
    return _Reply(answer, message)


class _Reply(JSONResponse):
    """An answer in exactly the stored bytes; a test may have half of it sent."""

    def __init__(self, answer: Answer, message: str) -> None:
        super().__init__(answer.body, status_code=answer.status)
        self._point = point(message, "R4")

    def render(self, content: Any) -> bytes:
        return canonical(content)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if due(self._point):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            half = bytes(self.body[: len(self.body) // 2])
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await asyncio.sleep(LEAVING)
            die()
        await super().__call__(scope, receive, send)


def reply_about_graph(answer: GraphAnswer, version: int | None = None) -> Response:
    """Return an answer with its bytes; a header says which version of the asset it is about, if it is about one."""
    headers = {**CONFINED, "Content-Type": f"{answer.media_type}; charset=utf-8"}
    if version is not None:
        headers[VERSION_HEADER] = str(version)
    return Response(answer.body, headers=headers)


def form_in(accept: str | None) -> str:
    """Return the form of an answer about a table that an Accept header asks for: JSON, unless it names another.
    Raises ``NotAcceptable`` if there is no answer in what it names."""
    types = sorted(FORMS.values(), key=lambda media_type: media_type not in (accept or "").lower())
    media_type = acceptable(accept, types)
    return next(form for form, form_type in FORMS.items() if form_type == media_type)


def reply_about_table(answer: TableAnswer | PartnerAnswer, version: int | None) -> Response:
    """Return an answer with its bytes; the headers say how many rows it has, whether there are more, and which
    version of the asset it is about, if that is known."""
    headers = {
        **CONFINED,
        "Content-Type": answer.media_type if answer.media_type == PARQUET else f"{answer.media_type}; charset=utf-8",
        "Hansa-More": str(answer.more).lower(),
        "Hansa-Partial": str(answer.partial).lower(),
    }
    if answer.count is not None:
        headers["Hansa-Rows"] = str(answer.count)
    if version is not None:
        headers[VERSION_HEADER] = str(version)
    return Response(answer.body, headers=headers)
