"""Pages of processes with a node that this one does not follow: names come from the agreement."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults.test_dead_letters import signed_in
from tests.nodes import agree, publish, receive, running


def test_a_process_has_the_names_that_stand_in_its_agreement(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path / "provider", template=sqlite_template, name="Stad Gent") as provider,
        running(tmp_path / "consumer", template=sqlite_template, name="Stad Brugge") as consumer,
    ):
        iri = publish(provider, "counts", title="Counts of the ring road")["iri"]
        negotiation = agree(consumer, iri)
        transfer = receive(consumer, negotiation["agreementId"])
        for node in (consumer, provider):
            with signed_in(node) as person, node.client() as client:
                pids = [client.negotiations()[0]["pid"], client.transfers()[0]["pid"]]
                assert node is provider or set(pids) == {negotiation["pid"], transfer["pid"]}
                for path in ("/processes", *(f"/processes/{pid}" for pid in pids)):
                    page = person.get(path).text
                    assert "Counts of the ring road" in page, path
                    assert node is provider or "Stad Gent" in page, path
                    assert "<title>Negotiation: ·" not in page
                    assert "<title>Transfer: ·" not in page
