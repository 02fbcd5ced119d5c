"""An address belongs to one origin: IRIs that end alike do not become versions of one another."""

from __future__ import annotations

import pytest

from node.base.errors import InvalidInput
from node.catalogue.nquads import iri_term, line, literal_term
from node.semantics.model import Submission
from node.vocab.namespaces import ADMS, DCT, SKOS
from tests.fakes.catalogue import CatalogueNode

IRI = "https://gent.example/datasets/counts"


def adopted(origin: str) -> list[str]:
    """What the description of an adopted document says of where it comes from."""
    node = f"{IRI}#identifier"
    return [
        line(iri_term(IRI), iri_term(f"{ADMS}identifier"), iri_term(node)),
        line(iri_term(node), iri_term(f"{SKOS}notation"), literal_term(origin)),
    ]


def named(origin: str) -> list[str]:
    return [line(iri_term(IRI), iri_term(f"{DCT}identifier"), literal_term(origin))]


@pytest.fixture
def gent() -> CatalogueNode:
    return CatalogueNode(base="https://gent.example")


@pytest.mark.parametrize("says", [adopted, named])
async def test_two_origins_do_not_share_an_address(gent: CatalogueNode, says: object) -> None:
    assert callable(says)
    first = await gent.publish("counts", lines=says("https://a.example/x/counts"))
    for other in ("https://b.example/y/counts", ""):
        for dry_run in (True, False):
            fields = {"slug": "counts", "title": {"en": "Other"}, "lines": says(other) if other else []}
            with pytest.raises(InvalidInput, match="address of another asset") as refused:
                await gent.publishing.publish(Submission(fields=fields), gent.steward, dry_run=dry_run)
            assert f"{IRI}-2" in refused.value.remedy
    again = await gent.publish("counts", lines=says("https://a.example/x/counts"), description={"en": "more"})
    assert (first.version, again.version) == (1, 2)
    await gent.withdraw(IRI)
    with pytest.raises(InvalidInput, match="address of another asset"):
        await gent.publish("counts", lines=says("https://b.example/y/counts"))
    assert (await gent.publish("counts", lines=says("https://a.example/x/counts"))).version == 4


async def test_what_comes_from_elsewhere_does_not_overwrite_our_own(gent: CatalogueNode) -> None:
    await gent.publish("counts")
    with pytest.raises(InvalidInput, match="comes from this node itself"):
        await gent.publish("counts", lines=adopted("https://b.example/y/counts"))


async def test_who_names_the_address_in_full_means_its_asset(gent: CatalogueNode) -> None:
    await gent.publish("counts", lines=adopted("https://a.example/x/counts"))
    fields = {"slug": "counts", "title": {"en": "Counts, described by us"}}
    ours = await gent.publishing.publish(Submission(fields=fields, iri=IRI), gent.steward)
    assert ours.record.version == 2


async def test_other_identifiers_make_no_origin(gent: CatalogueNode) -> None:
    await gent.publish("counts", lines=named("https://doi.org/10.1000/1"))
    assert (await gent.publish("counts", lines=named("https://doi.org/10.1000/2"))).version == 2
