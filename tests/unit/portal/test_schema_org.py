"""What a dataset's page says to machines."""

from __future__ import annotations

from node.catalogue.model import Record
from node.portal.description.schema_org import schema_org_json, signposts
from node.portal.description.triples import Description
from node.vocab.namespaces import DCT
from tests.fakes.portal.content import GENT, Graph, record

IRI = "https://gent.example/datasets/a"
CATALOGUE = "https://gent.example/catalog"


def asset_of(kind: str) -> Record:
    return record(IRI, kind, GENT, Graph(IRI), {"en": "A"}, {"en": "About A"})


def links(*files: tuple[str, str], licence: str = "https://creativecommons.org/licenses/by/4.0/") -> str:
    asset = asset_of("dataset")
    described = Description.read(f"<{IRI}> <{DCT}license> <{licence}> .\n".encode())
    return signposts(asset, described, (), formats={f"{IRI}.ttl": "text/turtle"}, files=files, catalogue=CATALOGUE)


def test_files_that_have_no_room_are_left_out_of_the_header() -> None:
    """A reverse proxy answers 502 where the headers of an answer are too long for it."""
    header = links(*((f"{IRI}/files/{number}-{'x' * 60}.csv", "text/csv") for number in range(100)))
    assert len(header) <= 2_000
    assert 5 < header.count('rel="item"') < 100
    assert f'<{CATALOGUE}>; rel="collection"' in header


def test_a_link_of_a_stranger_is_one_link_or_none() -> None:
    assert header_relations(links(licence="https://x.example/a,b")) == header_relations(links(licence="urn:x"))
    assert "license" in header_relations(links())
    assert 'rel="item"' not in links((f"{IRI}/files/a.csv", 'text/csv", <https://evil.example/>; rel="license'))


def header_relations(header: str) -> set[str]:
    return {part.partition('"')[0] for part in header.split('rel="')[1:]}


def test_what_is_no_dataset_for_others_has_no_structured_data() -> None:
    described = Description.read(b"")
    for kind in ("model", "service", "novelty"):
        assert schema_org_json(asset_of(kind), described, (), page=IRI, catalogue=CATALOGUE, language="en") == ""
