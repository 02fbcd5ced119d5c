"""Pages that compare a file with an asset: data with a schema, a file with the version that it would replace,
a sample with what a transformation makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from starlette.responses import Response

from node.base.errors import (
    HansaError,
    InvalidInput,
    NotConfined,
    Overloaded,
    TooLarge,
    TooMany,
    UnsupportedMediaType,
)
from node.exchange.names import safe_name
from node.identity.model import Caller
from node.portal.forms import check_csrf
from node.portal.uploads import read_upload
from node.portal.visit import Visit
from node.scenarios.errors import ModelFailed

if TYPE_CHECKING:
    from node.portal.responder import Responder


_SHOWN: Final = (InvalidInput, UnsupportedMediaType, TooLarge, TooMany, Overloaded, NotConfined, ModelFailed)
"""Errors that are shown above the form."""


class Comparison(Protocol):
    """A use case that compares a file with an asset; ``limit``: bytes of a file."""

    @property
    def limit(self) -> int: ...

    async def __call__(self, iri: str, name: str, chunks: AsyncIterator[bytes], caller: Caller, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class FilePage:
    """A form for one file, and the answer to it in the same page. The asset is named by ``iri``, a chain of assets by
    their addresses with spaces between them."""

    template: str
    comparison: Callable[[Responder], Comparison]

    async def form(self, responder: Responder, visit: Visit) -> Response:
        """``GET``: choose a file."""
        return await self._page(responder, visit, visit.request.query_params.get("iri", ""))

    async def answer(self, responder: Responder, visit: Visit) -> Response:
        """``POST``: compare the file, and show the result, or what is wrong with the file."""
        upload = await read_upload(visit.request)
        # Before a byte of the file is read.
        check_csrf(responder.settings.secret, visit.session, upload.fields)
        iri = upload.fields.get("iri", "")
        try:
            if upload.chunks is None or not upload.name:
                raise InvalidInput("no file was chosen", remedy="choose a file", facts={"case": "no-file"})
            compare = self.comparison(responder)
            answer = await compare(iri, safe_name(upload.name), upload.chunks, visit.caller)
        except _SHOWN as error:
            return await self._page(responder, visit, iri, error=error)
        return await self._page(responder, visit, iri, answer=answer)

    async def _page(
        self, responder: Responder, visit: Visit, iri: str, *, answer: Any = None, error: HansaError | None = None
    ) -> Response:
        chain = iri.split() or [iri]
        record = await responder.node.catalogue.browse.record(chain[0], visit.caller)
        return responder.render(
            visit,
            self.template,
            status=200 if error is None else error.status,
            record=record,
            chain=chain,
            answer=answer,
            limit=self.comparison(responder).limit,
            trouble=None if error is None else visit.explain(error),
        )


DATA_CHECK: Final = FilePage("check.html", lambda responder: responder.node.catalogue.meaning.check_data)
TRIAL: Final = FilePage("trial.html", lambda responder: responder.node.catalogue.meaning.try_transformation)
FORESIGHT: Final = FilePage("foresee.html", lambda responder: responder.node.catalogue.meaning.foresee)
