"""The DSP view of the catalogue, held against the official schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft201909Validator
from referencing import Registry, Resource

from node.base.errors import InvalidInput, NotFound
from node.catalogue.dsp import DspCatalogue, Member, formats_of
from node.catalogue.filters import Filter
from node.identity.model import ANONYMOUS
from node.semantics.model import File
from node.vocab.dsp import EXECUTE, PULL
from node.vocab.namespaces import HANSA_MODEL
from tests.artefacts import data
from tests.fakes.catalogue import MEMBER, STRANGER, CatalogueNode


def validator(name: str) -> Draft201909Validator:
    folder = data("dsp")
    schemas = [json.loads(path.read_text()) for path in folder.rglob("*-schema.json")]
    registry: Any = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in schemas)
    (wanted,) = [one for one in schemas if one["$id"].endswith(f"/{name}")]
    return Draft201909Validator(wanted, registry=registry)


@pytest.fixture
async def gent() -> CatalogueNode:
    node = CatalogueNode(base="https://gent.example")
    await node.publish(
        "counts",
        title={"nl": "Verkeerstellingen", "en": "Traffic counts"},
        description={"nl": "per kwartier"},
        keywords=("verkeer", "traffic"),
        conditions={"template": "mobility-partners", "until": "2027-12-31", "sealed": True},
    )
    await node.publish("roads", conditions={"template": "open"}, keywords=("traffic",))
    await node.publish("only-described")
    await node.publish("noise", kind="model", conditions={"template": "run-not-copy"})
    await node.publish("members-only", audience="members", conditions={"template": "members"})
    await node.publish("staff", audience="internal", conditions={"template": "open"})
    gone = await node.publish("gone", conditions={"template": "open"})
    await node.withdraw(gone.iri)
    return node


def names(catalog: dict[str, Any]) -> list[str]:
    return [dataset["@id"].rpartition("/")[2] for dataset in catalog.get("dataset", ())]


async def test_a_catalogue_is_valid_and_holds_what_is_offered(gent: CatalogueNode) -> None:
    catalog, token = await gent.dsp.catalog(STRANGER)
    validator("catalog-schema.json").validate(catalog)
    assert token is None
    assert names(catalog) == ["counts", "roads", "noise"]
    assert catalog["participantId"] == gent.did
    members, _ = await gent.dsp.catalog(MEMBER)
    assert names(members) == ["counts", "members-only", "roads", "noise"]


async def test_an_empty_catalogue_has_no_empty_array() -> None:
    catalog, token = await CatalogueNode(base="https://gent.example").dsp.catalog(ANONYMOUS)
    validator("catalog-schema.json").validate(catalog)
    assert ("dataset" in catalog, token) == (False, None)


async def test_a_dataset_is_valid_and_complete(gent: CatalogueNode) -> None:
    for slug in ("counts", "roads"):
        dataset = await gent.dsp.dataset(f"https://gent.example/datasets/{slug}", STRANGER)
        validator("dataset-schema.json").validate(dataset)
        (offer,) = dataset["hasPolicy"]
        assert offer["@type"] == "Offer"
        assert "target" not in offer
        assert dataset["distribution"][0]["format"] == PULL
        assert dataset["distribution"][0]["accessService"]["endpointURL"] == "https://gent.example/dsp/2025-1"
    assert {"@value": "roads", "@language": "en"} in dataset["dct:title"]


async def test_a_model_without_files_is_called(gent: CatalogueNode) -> None:
    dataset = await gent.dsp.dataset("https://gent.example/models/noise", STRANGER)
    assert [one["format"] for one in dataset["distribution"]] == [EXECUTE]


@pytest.mark.parametrize(
    ("property_", "files", "formats"),
    [
        ("codeSha256", 0, (EXECUTE,)),
        ("codeSha256", 1, (EXECUTE, PULL)),
        ("endpoint", 1, (EXECUTE, PULL)),
        ("method", 1, (PULL,)),
        ("method", 0, ()),
    ],
)
def test_the_formats_of_a_model(gent: CatalogueNode, property_: str, files: int, formats: tuple[str, ...]) -> None:
    with gent.uow.read() as tx:
        noise = gent.records.get(tx, "https://gent.example/models/noise")
    assert noise is not None
    statement = f'<{noise.iri}> <{HANSA_MODEL}{property_}> "x" .\n'.encode()
    file = File(name="noise.py", media_type="text/x-python", size=1, sha256="ab" * 32)
    assert formats_of(replace(noise, nquads=statement, files=(file,) * files)) == formats


@pytest.mark.parametrize("slug", ["only-described", "members-only", "staff", "gone", "nothing"])
async def test_what_is_not_offered_to_a_caller_does_not_exist(gent: CatalogueNode, slug: str) -> None:
    with pytest.raises(NotFound) as refused:
        await gent.dsp.dataset(f"https://gent.example/datasets/{slug}", STRANGER)
    with pytest.raises(NotFound) as absent:
        await gent.dsp.dataset("https://gent.example/datasets/absent", STRANGER)
    assert refused.value.detail == absent.value.detail


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_pages_together_are_the_whole(gent: CatalogueNode, size: int) -> None:
    small = DspCatalogue(uow=gent.uow, records=gent.records, visibility=gent.visibility, node=gent.facts, page=size)
    datasets: list[str] = []
    token: str | None = None
    for _ in range(10):
        catalog, token = await small.catalog(STRANGER, token=token)
        validator("catalog-schema.json").validate(catalog)
        datasets += names(catalog)
        if token is None:
            break
    assert datasets == ["counts", "roads", "noise"]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("query", [(), [{"text": "o"}]])
async def test_pages_lead_back_to_the_first(gent: CatalogueNode, size: int, query: Any) -> None:
    small = DspCatalogue(uow=gent.uow, records=gent.records, visibility=gent.visibility, node=gent.facts, page=size)
    tokens: list[str | None] = [None]
    while (following := (await small.catalog(STRANGER, filter=query, token=tokens[-1]))[1]) is not None:
        tokens.append(following)
    back = [await small.previous(STRANGER, filter=query, token=token) for token in tokens]
    assert back == [None, "", *tokens[1:-1]][: len(tokens)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([], ["counts", "roads", "noise"]),
        ([{}], ["counts", "roads", "noise"]),
        ([{"kind": "model"}], ["noise"]),
        ([{"text": "TRAFFIC"}], ["counts", "roads"]),
        ([{"text": "traffic kwartier"}], ["counts"]),
        ([{"keyword": "verkeer"}], ["counts"]),
        ([{"keyword": "traffic"}, {"text": "roads"}], ["roads"]),
        ([{"text": "secret"}], []),
        ([{"publisher": "https://gent.example"}], []),
        ([{"publisher": "GENT"}], ["counts", "roads", "noise"]),
        ([{"format": EXECUTE}], ["noise"]),
        ([{"format": PULL, "keyword": "traffic"}], ["counts", "roads"]),
        ([{"mediaType": "text/csv"}], []),
        ([{"profile": "https://example.org/profile"}], []),
        ({"kind": "dataset"}, ["counts", "roads"]),
    ],
    ids=str,
)
async def test_filters(gent: CatalogueNode, query: Any, expected: list[str]) -> None:
    catalog, _ = await gent.dsp.catalog(STRANGER, filter=query)
    assert names(catalog) == expected


@pytest.mark.parametrize(
    "query",
    [
        "text",
        ["text"],
        [{"sql": "1=1"}],
        [{"text": 1}],
        [{"text": "x" * 1000}],
        [{"kind": "planet"}],
        [{"kind": "model"}, {"kind": "dataset"}],
        7,
    ],
    ids=str,
)
async def test_other_filters_are_refused(gent: CatalogueNode, query: Any) -> None:
    with pytest.raises(InvalidInput):
        await gent.dsp.catalog(STRANGER, filter=query)


@pytest.mark.parametrize(
    "token", ["x", "e30", "W10", "bnVsbA", "WyJhZnRlciIsIDFd", "ÿ", "x" * 5000, "WyJ4IiwgInkiXQ"]
)
async def test_foreign_tokens_are_refused(gent: CatalogueNode, token: str) -> None:
    with pytest.raises(InvalidInput):
        await gent.dsp.catalog(STRANGER, token=token)


async def test_a_filter_that_fits_little_still_ends(gent: CatalogueNode, monkeypatch: pytest.MonkeyPatch) -> None:
    from node.catalogue import dsp

    monkeypatch.setattr(dsp, "SCAN", 2)
    small = DspCatalogue(uow=gent.uow, records=gent.records, visibility=gent.visibility, node=gent.facts, page=1)
    datasets: list[str] = []
    token: str | None = None
    for _ in range(10):
        catalog, token = await small.catalog(STRANGER, filter=[{"text": "noise"}], token=token)
        datasets += names(catalog)
        if token is None:
            break
    assert datasets == ["noise"]


async def test_filters_by_what_an_asset_says_of_itself(gent: CatalogueNode) -> None:
    with gent.uow.read() as tx:
        counts = gent.records.get(tx, "https://gent.example/datasets/counts")
    assert counts is not None
    assert counts.offer is not None
    file = File(name="counts.csv", media_type="text/csv", size=1, sha256="ab" * 32)
    standard = "https://data.vlaanderen.be/doc/applicatieprofiel/mobiliteit"
    stated = f"<{counts.iri}> <http://purl.org/dc/terms/conformsTo> <{standard}> .\n".encode()
    described = replace(
        counts,
        files=(file,),
        nquads=counts.nquads + stated,
        publisher_name="Stad Gent",
        offer={**counts.offer, "profile": "https://example.org/profile"},
    )
    for fitting in (
        {"mediaType": "text/csv"},
        {"publisher": "stad gent"},
        {"publisher": described.publisher},
        {"profile": standard},
        {"profile": "https://example.org/profile"},
    ):
        assert Filter.read([fitting]).fits(described, (PULL,)), fitting
    for other in (
        {"mediaType": "text/plain"},
        {"publisher": "gent"},
        {"profile": standard[:-1]},
        {"format": EXECUTE},
    ):
        assert not Filter.read([other]).fits(described, (PULL,)), other


async def test_a_region_nests_the_catalogues_of_its_members(gent: CatalogueNode) -> None:
    members = [
        Member(did="did:web:brugge.example", name="Brugge", url="https://brugge.example"),
        Member(did="did:web:org.example:aalst", name="Aalst", url="https://org.example/aalst/"),
    ]
    region = DspCatalogue(
        uow=gent.uow,
        records=gent.records,
        visibility=gent.visibility,
        node=gent.facts,
        page=2,
        members=lambda: members,
    )
    catalog, token = await region.catalog(STRANGER)
    validator("catalog-schema.json").validate(catalog)
    nested = catalog["catalog"]
    assert [one["participantId"] for one in nested] == [one.did for one in members]
    assert [one["service"][0]["endpointURL"] for one in nested] == [
        "https://brugge.example/dsp/2025-1",
        "https://org.example/aalst/dsp/2025-1",
    ]
    assert all(one["distribution"][0]["accessService"] == one["service"][0] for one in nested)
    following, _ = await region.catalog(STRANGER, token=token)
    filtered, _ = await region.catalog(STRANGER, filter=[{"kind": "model"}])
    assert "catalog" not in following
    assert "catalog" not in filtered
    as_edc_asks = [{"@type": "QuerySpec", "offset": 0, "limit": 50}]
    assert "catalog" in (await region.catalog(STRANGER, filter=as_edc_asks))[0]
    assert "catalog" not in (await gent.dsp.catalog(STRANGER))[0]
