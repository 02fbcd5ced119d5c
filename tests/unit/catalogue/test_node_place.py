"""The place that a node states: checked as it is stated, and again as it comes from another node."""

from __future__ import annotations

from typing import Any

import pytest

from federation.replicate.pages import read_page
from node.base.errors import InvalidInput, NotAllowed, NotFound
from node.catalogue.feed.lines import join_lines, place_lines
from node.catalogue.nquads import iri_term, line
from node.catalogue.region.place import NodePlace, OwnPlace
from node.identity.model import Caller, UserRole
from node.vocab.namespaces import DCT, TREE
from tests.fakes.people import person
from tests.fakes.stores.node_state import MemoryMetaStore
from tests.fakes.stores.work import MemoryUnitOfWork

ME = "did:web:gent.example"
OPERATOR = person("els", UserRole.OPERATOR)
ROOT = "https://gent.example/feed"


class Ledger:
    def __init__(self) -> None:
        self.bodies: list[Any] = []

    def append(self, tx: object, kind: object, subject: str, by: str, body: object, at: object = None) -> Any:
        self.bodies.append(body)


def own_place() -> tuple[OwnPlace, Ledger]:
    ledger = Ledger()
    return OwnPlace(MemoryUnitOfWork(), MemoryMetaStore(), ledger.append, me=ME), ledger


def test_a_place_is_stated_kept_and_withdrawn() -> None:
    place, ledger = own_place()
    assert place.read() is None
    stated = place.state(" Stad  Gent ", OPERATOR, longitude=3.721234, latitude=51.05)
    assert stated == NodePlace(name="Stad Gent", longitude=3.7212, latitude=51.05) == place.read()
    place.state("Stad Gent", OPERATOR, longitude=3.7212, latitude=51.05)
    assert [body["event"] for body in ledger.bodies] == ["place-stated"], "the same place again is no event"
    place.withdraw(OPERATOR)
    assert place.read() is None
    with pytest.raises(NotFound):
        place.withdraw(OPERATOR)


def test_a_name_of_the_gazetteer_is_enough() -> None:
    place, _ = own_place()
    stated = place.state("Ghent", OPERATOR)
    assert (stated.name, round(stated.longitude, 1), round(stated.latitude, 1)) == ("Ghent", 3.7, 51.1)


@pytest.mark.parametrize(
    ("name", "degrees", "case"),
    [
        ("", {}, "place-name"),
        ("x" * 81, {"longitude": 1, "latitude": 1}, "place-name"),
        ("a\u202eb", {"longitude": 1, "latitude": 1}, "place-name"),
        ("Nowhere", {}, "place-unknown"),
        ("Gent", {"longitude": 3.7}, "place-degrees"),
        ("Gent", {"longitude": 181, "latitude": 51}, "place-degrees"),
        ("Gent", {"longitude": 3, "latitude": float("nan")}, "place-degrees"),
    ],
)
def test_a_wrong_place_is_refused_with_what_to_write(name: str, degrees: dict[str, float], case: str) -> None:
    place, ledger = own_place()
    with pytest.raises(InvalidInput) as refused:
        place.state(name, OPERATOR, **degrees)
    assert refused.value.facts["case"] == case
    assert refused.value.remedy
    assert ledger.bodies == []


def test_only_people_with_a_role_state_it() -> None:
    place, _ = own_place()
    for caller in (person("els", UserRole.PUBLISHER), Caller(did="did:web:brugge.example")):
        with pytest.raises(NotAllowed):
            place.state("Gent", caller)


def page(*lines: str) -> Any:
    stream, publisher = iri_term(f"{ROOT}#stream"), iri_term(ME)
    head = [
        line(stream, iri_term(f"{TREE}view"), iri_term(ROOT)),
        line(stream, iri_term(f"{DCT}publisher"), publisher),
    ]
    return read_page(ROOT, join_lines([*head, *lines])).publisher_place


def test_another_node_reads_what_the_feed_states() -> None:
    place = NodePlace(name='Gent "<b>', longitude=-3.72, latitude=51.05)
    lines = place_lines(iri_term(ME), iri_term(f"{ROOT}#place"), place)
    assert NodePlace.read(page(*lines)) == place
    assert page() == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [("POINT(3.7200", "POINT(200.0"), ("POINT(3.7200", "POINT(1e3"), ('"Gent"', '""'), ('"Gent"', f'"{"x" * 81}"')],
)
def test_nonsense_in_a_feed_is_no_place(old: str, new: str) -> None:
    lines = place_lines(iri_term(ME), iri_term(f"{ROOT}#place"), NodePlace(name="Gent", longitude=3.72, latitude=51))
    assert page(*lines) != {}
    changed = [each.replace(old, new) for each in lines]
    assert changed != lines
    assert page(*changed) == {}


@pytest.mark.parametrize(
    "body", [{}, {"name": 3, "longitude": 1, "latitude": 1}, {"name": "x", "longitude": True, "latitude": 1},
             {"name": "x", "longitude": "inf", "latitude": 1}, {"name": "x", "longitude": 10**400, "latitude": 1},
             {"name": " ", "longitude": 1, "latitude": 1}]
)  # fmt: skip
def test_what_is_stored_is_read_with_care(body: dict[str, Any]) -> None:
    assert NodePlace.read(body) is None
