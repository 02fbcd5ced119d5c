"""RDF datasets of a city, and a partner that asks them in SPARQL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import httpx2

from node.vocab.dsp import GRAPH_QUERY
from tests.nodes import Running, agree, described, until

TURTLE = (
    b"@prefix ex: <http://example.org/> .\n"
    + b"".join(
        b'ex:counter%d a ex:Counter ; ex:passed %d ; ex:street "Street %d" .\n' % (number, number * 7, number)
        for number in range(1, 51)
    )
    + b"<relative> a ex:Counter .\n"
)
COUNT = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"


@dataclass
class OpenGraph:
    """A graph that a partner may ask."""

    iri: str
    agreement: str
    transfer: str
    endpoint: str
    authorization: str

    @property
    def union(self) -> str:
        """The address of all graphs of the partner."""
        return self.endpoint.rpartition("/")[0]

    def ask(
        self, query: str, *, accept: str = "application/sparql-results+json", union: bool = False, **extra: Any
    ) -> httpx2.Response:
        """Ask as any client with the token."""
        headers = {"Authorization": self.authorization, "Accept": accept}
        with httpx2.Client(timeout=90, trust_env=False) as client:
            form = [("query", query), *extra.get("graphs", [])]
            return client.get(self.union if union else self.endpoint, params=form, headers=headers)

    def rows(self, query: str, *, union: bool = False, **extra: Any) -> list[tuple[str, ...]]:
        answer = self.ask(query, union=union, **extra)
        assert answer.status_code == 200, answer.text
        results = answer.json()
        names = results["head"]["vars"]
        return [tuple(row[name]["value"] for name in names if name in row) for row in results["results"]["bindings"]]

    def count(self, *, union: bool = False, query: str = COUNT) -> int:
        return int(self.rows(query, union=union)[0][0])


def share_graph(
    city: Running,
    slug: str,
    data: bytes = TURTLE,
    *,
    name: str = "counters.ttl",
    media_type: str = "text/turtle",
    conditions: Any = "open",
    audience: str | None = None,
) -> str:
    """Publish a dataset with one RDF file; return its address."""
    path = city.folder / name
    path.write_bytes(data)
    with city.client() as client:
        client.upload(path)
        digest = hashlib.sha256(data).hexdigest()
        files = [{"name": name, "mediaType": media_type, "size": len(data), "sha256": digest}]
        submission: dict[str, Any] = {"fields": described(slug), "files": files, "conditions": conditions}
        if audience is not None:
            submission["audience"] = audience
        return str(client.publish(submission)["iri"])


def open_graph(partner: Running, iri: str, *, file: str | None = None) -> OpenGraph:
    """Agree, open the graph, and return its address and token."""
    agreement = str(agree(partner, iri)["agreementId"])
    with partner.client() as client:
        pid = client.transfer(agreement, format=GRAPH_QUERY, file=file)["pid"]
        until("it has started", lambda: client.transfer_state(pid, wait=1)["state"] == "STARTED")
        access = client.live_access(pid)
    return OpenGraph(iri, agreement, pid, access["endpoint"], access["authorization"])
