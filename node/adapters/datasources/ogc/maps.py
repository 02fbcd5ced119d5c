"""The part that connections to a WMS and to a WMTS share: requests, documents, pictures and facts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from node.adapters.datasources.ogc.exceptions import complaint
from node.adapters.datasources.ogc.keywords import query, refusal, service_address, shows_its_host
from node.adapters.datasources.ogc.xml import Document, parse
from node.adapters.datasources.requests import credential_headers, document, fetch
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput, NotFound
from node.base.jsons import read_json
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import Extract, Parameters
from node.exchange.offloop import off_loop, once

MOST_DOCUMENT: Final = 8 << 20
_MOST_FACTS: Final = 2 << 20


class MapServer:
    """A server of maps or tiles, asked with keys and values."""

    def __init__(self, egress: Egress, setup: Setup, service: str) -> None:
        self._egress = egress
        self._service = service
        self._address = service_address(egress, setup)
        self._host = "/".join(self._address.split("/")[:3]).partition("?")[0]
        self._headers = credential_headers(setup.credentials)

    async def capabilities(self, version: str) -> Document:
        """Return the capabilities. Raises the errors of ``DataConnection``."""
        pairs = (("service", self._service), ("version", version), ("request", "GetCapabilities"))
        try:
            body, _ = await document(self._egress, query(self._address, *pairs), self._headers, most=MOST_DOCUMENT)
        except NotFound as error:
            raise DataSourceUnreachable(
                f"there is no {self._service} at this address",
                remedy="its steward checks the address: hansa source test",
            ) from error
        return await off_loop(parse, body)

    @asynccontextmanager
    async def picture(self, parameters: Parameters) -> AsyncIterator[Extract]:
        """Yield a picture. Raises ``InvalidInput`` if the server answers with an error in XML."""
        url = query(self._address, ("service", self._service), *parameters)
        async with fetch(self._egress, url, self._headers, parameters=True) as extract:
            plain = extract.media_type.partition(";")[0].strip().lower()
            if (plain.endswith(("/xml", "+xml")) and plain != "image/svg+xml") or plain.startswith(
                "application/vnd.ogc"
            ):
                raise complaint()
            if not plain.startswith("image/") or plain == "image/svg+xml":
                raise DataSourceUnreachable(
                    f"the data source answers with {plain[:60] or 'no type'} instead of a picture",
                    remedy="its steward checks it: hansa source test",
                )
            yield extract

    async def facts(self, parameters: Parameters) -> Extract:
        """Return facts about a place, as text or as JSON without links to the server."""
        url = query(self._address, ("service", self._service), *parameters)
        body, extract = await document(self._egress, url, self._headers, most=_MOST_FACTS, parameters=True)
        plain = extract.media_type.partition(";")[0].strip().lower()
        if plain.endswith(("/xml", "+xml")) or plain.startswith("application/vnd.ogc"):
            raise complaint()
        if plain.endswith("json"):
            body, kind = await off_loop(_without_links, body, self._host), "application/json"
        elif plain == "text/plain":
            words = body.decode("utf-8", "replace")
            body, kind = words.replace(self._host, "").encode(), "text/plain; charset=utf-8"
        else:
            raise DataSourceUnreachable(f"the data source answers with {plain[:60] or 'no type'} instead of text")
        return Extract(media_type=kind, chunks=once(body), size=len(body), total=len(body))


def require_choice(value: str, choices: tuple[str, ...], locator: str) -> str:
    """Return ``value``. Raises ``InvalidInput`` if it is none of ``choices``."""
    if value not in choices:
        raise refusal("value", f"{value[:60]!r} is not offered", f"one of: {', '.join(choices)[:500]}", locator)
    return value


def _without_links(body: bytes, host: str) -> bytes:
    try:
        content = read_json(body)
    except InvalidInput as error:
        raise DataSourceUnreachable("the data source labels its answer as JSON, but it is not") from error
    return json.dumps(_clean(content, host), ensure_ascii=False, separators=(",", ":")).encode()


def _clean(value: Any, host: str) -> Any:
    if isinstance(value, str):
        return "" if shows_its_host(value, host) else value
    if isinstance(value, list):
        return [_clean(entry, host) for entry in value]
    if isinstance(value, dict):
        return {name: _clean(entry, host) for name, entry in value.items()}
    return value
