"""Other participants' catalogues, read over the Dataspace Protocol (DSP 2025-1 §5.2, §6.2)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from node.adapters.egress import Egress, Lane
from node.adapters.egress.client import Answer
from node.base.errors import InvalidInput, NotFound, PeerUnreachable
from node.dialogue import wire
from node.dialogue.wire import in_version
from node.identity.correspondence import Correspondence
from node.vocab.dsp import version_of

PAGES: Final = 1000
PAGE_BYTES: Final = 8 * 1024 * 1024
_NEXT: Final = re.compile(r'<([^<>\s]{1,4096})>[^,]*;\s*rel="?next"?', re.IGNORECASE)


class RemoteCatalogues:
    """Implements ``node.negotiation.ports.ProviderCatalogue``; a provider is found through its DID document."""

    def __init__(self, correspondence: Correspondence, egress: Egress) -> None:
        self._correspondence = correspondence
        self._egress = egress

    async def dataset(self, provider: str, iri: str) -> tuple[dict[str, Any], str]:
        """See ``ProviderCatalogue.dataset``.

        Some servers do not accept slashes in the segments of a path and answer 400 if the id of a dataset is an IRI;
        the dataset is then looked up in the catalogue, page by page.
        """
        address = await self._address(provider)
        answer = await self._ask(provider, "GET", f"{address}/catalog/datasets/{iri}")
        if answer.status == 400:
            async for one in self.datasets(provider):
                if one.get("@id") == iri:
                    return one, address
            raise _absent()
        if answer.status in (404, 410):
            raise _absent()
        dataset = _object(answer)
        if dataset.get("@id") != iri:
            raise PeerUnreachable("the provider's catalogue returned another dataset")
        return dataset, address

    async def datasets(self, provider: str, *, pages: int = PAGES) -> AsyncIterator[dict[str, Any]]:
        """Yield every dataset that ``provider`` shows us, following its ``Link`` headers for at most ``pages`` pages.

        Raises ``PeerUnreachable`` if it does not answer, or names another host for the rest: that host would get our
        token.
        """
        address = await self._address(provider)
        url = first = f"{address}/catalog/request"
        asked = {"@context": [version_of(address).context], "@type": "CatalogRequestMessage"}
        body = json.dumps(in_version(asked)).encode()
        for _ in range(pages):
            answer = await self._ask(provider, "POST", url, body)
            page = _object(answer)
            for one in page.get("dataset") or []:
                if isinstance(one, dict):
                    yield one
            following = _following(answer.headers)
            if following is None:
                return
            url = urljoin(first, following)
            if urlsplit(url)[:2] != urlsplit(first)[:2]:
                raise PeerUnreachable("the provider's catalogue continues at another host")
        raise PeerUnreachable(f"the provider's catalogue has more than {pages} pages")

    async def _address(self, provider: str) -> str:
        document = await self._correspondence.document(provider)
        service = document.service("CatalogService")
        if service is None:
            raise PeerUnreachable(f"the DID document of {provider} does not name a catalogue")
        return service.removesuffix("/catalog")

    async def _ask(self, provider: str, method: str, url: str, body: bytes | None = None) -> Answer:
        headers = {"Authorization": self._correspondence.authorization(provider), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return await self._egress.request(
            method, url, headers=headers, body=body, max_bytes=PAGE_BYTES, lane=Lane.MESSAGES
        )


def _absent() -> NotFound:
    return NotFound("the provider has no offer for you at this address")


def _object(answer: Answer) -> dict[str, Any]:
    if not answer.ok:
        raise PeerUnreachable(f"the provider's catalogue answers with status {answer.status}")
    try:
        return wire.read(answer.body)
    except InvalidInput as error:
        raise PeerUnreachable(
            f"this node cannot read the answer of the provider's catalogue: {error.detail}"
        ) from error


def _following(headers: Mapping[str, str]) -> str | None:
    links = ", ".join(value for name, value in headers.items() if name.lower() == "link")
    found = _NEXT.search(links)
    return found.group(1) if found else None
