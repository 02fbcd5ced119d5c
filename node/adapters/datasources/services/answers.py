"""JSON documents of a source, and answers that are made in memory, for the adapters of this folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from node.adapters.datasources.requests import document
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.datasources.errors import DataSourceUnreachable
from node.datasources.ports import Extract, Question
from node.exchange.offloop import off_loop, once

JSON: Final = "application/json"
MOST: Final = 8 << 20
"""The largest document of a source that is read into memory, in bytes."""


async def json_object(
    egress: Egress, url: str, headers: Mapping[str, str], *, is_question: bool = False, accept: str = JSON
) -> Mapping[str, Any]:
    """Return the JSON object at ``url``. ``is_question``: the URL has a reader's query, who may be wrong.

    Raises the errors of ``DataConnection``, and ``DataSourceUnreachable`` if it is anything else.
    """
    body, _ = await document(egress, url, {**headers, "Accept": accept}, most=MOST, parameters=is_question)
    try:
        content = await off_loop(read_json, body)
    except InvalidInput as error:
        raise no_json() from error
    if not isinstance(content, Mapping):
        raise no_json()
    return content


def no_json() -> DataSourceUnreachable:
    """Return the error for an answer that is no JSON object."""
    return DataSourceUnreachable(
        "the data source answers with something other than a JSON object", remedy="ask its steward: hansa source test"
    )


async def json_answer(content: Any) -> Extract:
    """Return ``content`` as an answer in JSON."""
    body = await off_loop(_write, content)
    return Extract(media_type=JSON, chunks=once(body), size=len(body), total=len(body))


def nothing(question: Question, media_type: str) -> Extract:
    """Return the answer to a reader who asks for the headers only: what the source says would tell of the data, and
    no read would be counted."""
    return Extract(media_type=media_type or question.media_type, chunks=once(b""))


def _write(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
