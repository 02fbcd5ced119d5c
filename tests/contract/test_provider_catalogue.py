"""The contract of ``ProviderCatalogue``, kept over HTTP, whatever the provider on loopback answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from node.adapters.egress import Egress
from node.adapters.peers.catalogues import RemoteCatalogues
from node.base.errors import NotFound, PeerUnreachable
from node.identity.correspondence import Correspondence
from node.identity.model import DidDocument
from node.negotiation.ports import ProviderCatalogue
from node.vocab.dsp import V2025_1
from tests.simulator.http_servers import Address, served

IRIS = [f"https://provider.example/datasets/{name}" for name in ("bridge", "quay", "ring")]


def dataset(iri: str) -> dict[str, Any]:
    offer = {"@id": f"{iri}#offer", "@type": "Offer", "permission": [{"action": "use"}]}
    return {"@id": iri, "@type": "Dataset", "hasPolicy": [offer]}


@dataclass
class Provider:
    """The other end (DSP 2025-1 §6.2); ``answer`` is given in place of what it would say. Where ``slashes`` is False,
    the server lets no slash into a segment of a path."""

    address: Address
    slashes: bool = True
    per_page: int = 2
    answer: Response | None = None
    elsewhere: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"{self.address.url}/dsp/2025-1"

    @property
    def document(self) -> dict[str, Any]:
        service = {"id": "#catalog", "type": "CatalogService", "serviceEndpoint": f"{self.base}/catalog"}
        return {"id": self.address.did, "service": [service]}

    def app(self) -> Starlette:
        routes = [
            Route("/dsp/2025-1/catalog/datasets/{iri:path}", self.dataset_page),
            Route("/dsp/2025-1/catalog/request", self.page, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def _hear(self, request: Request) -> Response | None:
        self.asked.append((request.url.path, request.headers.get("authorization")))
        return self.answer

    async def dataset_page(self, request: Request) -> Response:
        iri = request.path_params["iri"]
        if (answer := self._hear(request)) is not None:
            return answer
        if not self.slashes:
            return Response(status_code=400)
        context = {"@context": [V2025_1.context]}
        return JSONResponse({**context, **dataset(iri)}) if iri in IRIS else Response(status_code=404)

    async def page(self, request: Request) -> Response:
        if (answer := self._hear(request)) is not None:
            return answer
        asked = json.loads(await request.body())
        assert asked["@type"] == "CatalogRequestMessage"
        first = int(request.query_params.get("from", "0"))
        catalogue = {
            "@context": [V2025_1.context],
            "@id": self.base,
            "@type": "Catalog",
            "dataset": [dataset(iri) for iri in IRIS[first : first + self.per_page]],
        }
        following = f"{self.elsewhere or ''}/dsp/2025-1/catalog/request?from={first + self.per_page}"
        more = {"Link": f'<{following}>; rel="next"'} if first + self.per_page < len(IRIS) else {}
        return JSONResponse(catalogue, headers=more)


@dataclass
class Scene:
    catalogue: RemoteCatalogues
    provider: Provider
    documents: dict[str, DidDocument]

    async def ask(self, iri: str) -> tuple[dict[str, Any], str]:
        port: ProviderCatalogue = self.catalogue
        return await port.dataset(self.provider.address.did, iri)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    def make(address: Address) -> tuple[Any, Provider]:
        provider = Provider(address)
        return provider.app(), provider

    async with served(make) as (_, provider), Egress(allow_loopback=True) as egress:
        documents = {provider.address.did: DidDocument(id=provider.address.did, raw=provider.document)}
        # Tokens and documents are given beforehand, so nobody is asked who the parties are.
        correspondence = Correspondence(
            cast(Any, None), cast(Any, None), outgoing=lambda did: f"Bearer for {did}", documents=documents.get
        )
        yield Scene(RemoteCatalogues(correspondence, egress), provider, documents)


async def test_a_dataset_and_where_the_provider_speaks(scene: Scene) -> None:
    found, address = await scene.ask(IRIS[0])
    assert (found["@id"], found["hasPolicy"], address) == (
        IRIS[0],
        dataset(IRIS[0])["hasPolicy"],
        scene.provider.base,
    )
    path = f"/dsp/2025-1/catalog/datasets/{IRIS[0]}"
    assert scene.provider.asked == [(path, f"Bearer for {scene.provider.address.did}")]


async def test_what_is_not_offered(scene: Scene) -> None:
    with pytest.raises(NotFound, match="no offer for you"):
        await scene.ask("https://provider.example/datasets/none")


async def test_a_provider_without_slashes_is_read_page_by_page(scene: Scene) -> None:
    scene.provider.slashes = False
    found, address = await scene.ask(IRIS[2])
    assert (found["@id"], address) == (IRIS[2], scene.provider.base)
    assert len(scene.provider.asked) == 3, "the dataset itself, and two pages"
    with pytest.raises(NotFound):
        await scene.ask("https://provider.example/datasets/none")


@pytest.mark.parametrize(
    "answer",
    [
        Response(status_code=500),
        Response(status_code=302, headers={"location": "https://elsewhere.example"}),
        Response("no JSON"),
        JSONResponse("a dataset"),
        JSONResponse({"@context": [V2025_1.context], **dataset(IRIS[1])}),
    ],
    ids=["500", "redirect", "no JSON", "no object", "another dataset"],
)
async def test_answers_that_are_none(scene: Scene, answer: Response) -> None:
    scene.provider.answer = answer
    with pytest.raises(PeerUnreachable):
        await scene.ask(IRIS[0])


async def test_a_participant_that_names_no_catalogue(scene: Scene) -> None:
    did = scene.provider.address.did
    scene.documents[did] = DidDocument(id=did, raw={"id": did})
    with pytest.raises(PeerUnreachable, match="does not name a catalogue"):
        await scene.ask(IRIS[0])
    assert scene.provider.asked == []


async def test_the_next_page_is_asked_for_at_the_same_host_only(scene: Scene) -> None:
    """Another host would get our token."""
    scene.provider.slashes, scene.provider.elsewhere = False, "http://127.0.0.1:1"
    with pytest.raises(PeerUnreachable, match="another host"):
        await scene.ask(IRIS[2])


async def test_pages_come_to_an_end(scene: Scene) -> None:
    scene.provider.per_page = 1
    with pytest.raises(PeerUnreachable, match="more than 2 pages"):
        [one async for one in scene.catalogue.datasets(scene.provider.address.did, pages=2)]
