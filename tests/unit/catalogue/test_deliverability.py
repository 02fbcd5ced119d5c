"""What is delivered under an agreement is what a data plane says it delivers, whatever the kind of the asset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from node.catalogue.deliverability import OWN, DeliveryPlanes, RunsModels, StoredFiles, stored_files
from node.catalogue.model import Record
from node.semantics.kinds import KINDS
from node.semantics.model import File
from node.vocab.dsp import EXECUTE, PULL, PUSH, QUERY
from node.vocab.namespaces import HANSA_MODEL
from tests.fakes.catalogue import CatalogueNode

HERE = File(name="a.csv", media_type="text/csv", size=1, sha256="ab" * 32)
ELSEWHERE = replace(HERE, name="b.csv", source="https://files.example.org/b.csv")


class Broker:
    """A data plane that a plug-in might bring."""

    def formats(self, record: Record) -> Sequence[str]:
        return ("https://example.org/AMQP",) if b"broker" in record.nquads else ()


async def record_of(kind: str, conditions: str = "members") -> Record:
    node = CatalogueNode(base="https://gent.example")
    record = await node.publish("one", kind=kind, conditions={"template": conditions})
    return replace(record, files=(), nquads=b"")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_has_no_bytes_here_breaks_its_promise(kind: str) -> None:
    record = await record_of(kind)
    assert OWN.formats(record) == ()
    assert OWN.breaks_promise(record)
    (finding,) = OWN.findings(record)
    assert (finding.severity, finding.field) == ("violation", "conditions")
    assert OWN.breaks_promise(replace(record, files=(ELSEWHERE,)))
    assert not OWN.breaks_promise(replace(record, files=(ELSEWHERE, HERE)))
    assert not OWN.breaks_promise(replace(record, offer=None)), "it is described"
    assert not OWN.breaks_promise(await record_of(kind, "open")), "free for everybody: its description says where"


async def test_files_that_are_here_go_and_others_do_not() -> None:
    record = replace(await record_of("dataset"), files=(ELSEWHERE, HERE))
    assert stored_files(record) == (HERE,)
    assert OWN.formats(record) == (PULL, PUSH, QUERY), "a CSV file is asked too"
    assert OWN.formats(replace(record, files=(ELSEWHERE,))) == ()


@pytest.mark.parametrize("property_", ["endpoint", "codeSha256"])
async def test_a_model_with_code_or_an_end_point_is_called(property_: str) -> None:
    record = await record_of("model")
    statement = f'<{record.iri}> <{HANSA_MODEL}{property_}> "x" .\n'.encode()
    assert OWN.formats(replace(record, nquads=statement)) == (EXECUTE,)
    assert OWN.formats(replace(record, nquads=statement, files=(HERE,))) == (EXECUTE, PULL)


async def test_a_data_plane_of_a_plug_in_is_asked_too() -> None:
    record = replace(await record_of("service"), nquads=b"broker")
    assert OWN.breaks_promise(record)
    delivery_planes = DeliveryPlanes((RunsModels(), StoredFiles(), Broker()))
    assert delivery_planes.formats(record) == ("https://example.org/AMQP",)
    assert not delivery_planes.breaks_promise(record)
