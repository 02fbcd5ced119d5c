"""Requests to a context broker, and the JSON of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.adapters.datasources.entity_documents import JSON
from node.adapters.datasources.uploads import unreachable
from node.adapters.egress.client import Answer, Egress, Lane
from node.base.errors import InvalidInput, PeerUnreachable, TooLarge
from node.base.jsons import read_json
from node.datasources.errors import DataSourceUnreachable
from node.exchange.offloop import off_loop


class EntityCalls:
    """Calls one broker. ``headers`` show the credentials, the tenant and the context of names. An answer may take
    ``patience`` seconds and have ``most`` bytes."""

    def __init__(
        self, egress: Egress, address: str, headers: Mapping[str, str], *, patience: float, most: int
    ) -> None:
        self._egress = egress
        self._address = address
        self._headers = dict(headers)
        self._patience = patience
        self._most = most

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Return the answer of the broker, whatever its status. Raises ``DataSourceUnreachable`` and
        ``ForbiddenAddress``."""
        content = {} if body is None else {"Content-Type": JSON}
        try:
            return await self._egress.request(
                method,
                f"{self._address}{path}",
                headers={**self._headers, **content},
                json=body,
                timeout=self._patience,
                max_bytes=self._most,
                allow_redirects=0,
                lane=Lane.DATA_SOURCES,
            )
        except PeerUnreachable as error:
            raise unreachable(error) from error
        except TooLarge as error:
            raise DataSourceUnreachable(
                "the broker sends more than was asked for", remedy="ask its administrator"
            ) from error


async def content_of(answer: Answer) -> Any:
    """Return the JSON of an answer. Raises ``DataSourceUnreachable`` if it is none."""
    try:
        return await off_loop(read_json, answer.body)
    except InvalidInput as error:
        raise DataSourceUnreachable(
            "the broker answers with something other than JSON",
            remedy="check its address: it ends with /ngsi-ld/v1, or with /v2",
        ) from error
