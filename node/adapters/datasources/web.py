"""Files and APIs over HTTP(S) as a data source.

An item is a path below the address. If it ends with ``/`` it is a part of an API: readers ask for paths below it and
send queries, and links to the source in its JSON documents are written as links to the reader's own address.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from node.adapters.datasources.requests import at, check_address, credential_headers, document, fetch
from node.adapters.datasources.web_uploads import METHOD, WebUploads, method_of
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.datasources.sinks import Note, Parcel
from node.exchange.offloop import off_loop, once

MOST_JSON: Final = 8 << 20
"""The largest JSON document of an API that is rewritten for a reader."""


class WebConnector:
    """``node.datasources.ports.Connector`` for files and APIs over HTTP(S)."""

    kind = "http"
    options: tuple[str, ...] = (METHOD,)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)
        method_of(setup)

    def connect(self, setup: Setup) -> DataConnection:
        return WebConnection(self._egress, setup)


class WebConnection:
    """A connection to files and APIs over HTTP(S)."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address)
        self._headers = credential_headers(setup.credentials)
        self._uploads = WebUploads(egress, self._address, self._headers, method_of(setup))

    @property
    def abilities(self) -> Abilities:
        return Abilities(lists=False, ranges=True, questions=("*",))

    async def items(self, limit: int) -> Sequence[Item]:
        del limit
        return ()

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        is_api = item.endswith("/")
        check_path(item)
        if (question.path or question.parameters) and not is_api:
            raise InvalidInput("this is a file, which takes no query", remedy="leave out what follows its address")
        if is_api and not question.wants_body:
            # Whatever the API answers to a question would tell of the data, and no read would be counted.
            check_path(question.path)
            yield Extract(media_type=question.media_type, chunks=once(b""))
            return
        url = at(self._address, item + check_path(question.path), parameters=question.parameters)
        headers = {**self._headers, "Accept": question.accept or question.media_type or "*/*"}
        async with fetch(self._egress, url, headers, span=question.span, parameters=is_api) as extract:
            if is_api and _is_json(extract.media_type):
                # A part of a document cannot be rewritten, so the whole is read and sent.
                yield await self._rewrite_document(url, headers, item, question)
            else:
                yield extract

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        del note  # An upload begins again: servers have no common way to continue one.
        return await self._uploads.upload(parcel)

    @property
    def is_replacing(self) -> bool:
        return self._uploads.is_replacing

    async def abandon(self, parcel: Parcel) -> None:
        """Do nothing: a server forgets what did not arrive whole."""

    async def remove(self, path: str, sha256: str) -> bool:
        return await self._uploads.delete(path, sha256)

    async def _rewrite_document(self, url: str, headers: dict[str, str], item: str, question: Question) -> Extract:
        body, extract = await document(self._egress, url, headers, most=MOST_JSON, parameters=True)
        root = at(self._address, item)
        rewritten = await off_loop(rewrite, body, root, question.base)
        return Extract(media_type=extract.media_type, chunks=once(rewritten), size=len(rewritten))


def _is_json(media_type: str) -> bool:
    plain = media_type.partition(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")


def rewrite(body: bytes, root: str, base: str) -> bytes:
    """Return a JSON document with the addresses below ``root`` as addresses below ``base``, and without others of the
    same host. Raises ``DataSourceUnreachable`` if it is not JSON."""
    try:
        content = read_json(body)
    except InvalidInput as error:
        raise DataSourceUnreachable("the data source labels its answer as JSON, but it is not") from error
    host = "/".join(root.split("/")[:3])
    return json.dumps(_replace_links(content, root, host, base), ensure_ascii=False, separators=(",", ":")).encode()


def _replace_links(value: Any, root: str, host: str, base: str) -> Any:
    if isinstance(value, str):
        if value.startswith(root):
            return f"{base}/{value.removeprefix(root)}"
        return "" if value == host or value.startswith((f"{host}/", f"{host}?")) else value
    if isinstance(value, list):
        return [_replace_links(item, root, host, base) for item in value]
    if isinstance(value, dict):
        return {name: _replace_links(item, root, host, base) for name, item in value.items()}
    return value
