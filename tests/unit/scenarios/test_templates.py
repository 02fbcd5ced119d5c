"""Templates of scenarios for their pages: which of another city this node reads, and for whom."""

from __future__ import annotations

from typing import Any

import pytest

from node.base.errors import NotFound
from node.catalogue.model import Record
from node.identity.model import ANONYMOUS, Caller
from node.portal.views.scenarios import Templates
from tests.unit.scenarios.desk import ELS, PLZEN, TEMPLATE, THEM, Shelf, at_plzen
from tests.unit.scenarios.records import record
from tests.unit.semantics.descriptions import BASE, ME

FOREIGN = f"{PLZEN}/scenarios/walks"
BINDING = f"{BASE}/scenarios/our-walks"
PEER = Caller(did=THEM)

_BINDING = f"""
kind: scenario
id: our-walks
title: {{en: Our walks}}
description: {{en: The walks of Plzeň with our streets.}}
goal: {{en: Less effort.}}
contact: {{name: Mobility department, email: mobility@gent.example}}
license: CC-BY-4.0
theme: [TRAN]
keywords: {{en: [test]}}
version: "1.0.0"
conditions: open
template: "{FOREIGN}"
bindings: {{streets: dataset/streets}}
"""


class City:
    """The library of a node that may read a template that nobody else may. ``requests`` are those that it got."""

    def __init__(self, template: Record) -> None:
        self.template = template
        self.requests: list[str] = []

    async def record(self, iri: str, caller: Caller, *, version: int | None = None) -> Record:
        self.requests.append(iri)
        return self.template


@pytest.fixture
async def city() -> City:
    return City(at_plzen(await record(TEMPLATE)))


@pytest.fixture
async def templates(city: City) -> Templates:
    shelf: Any = Shelf()
    shelf.put(await record(_BINDING))
    library: Any = city
    return Templates(shelf, library, me=ME)


@pytest.mark.parametrize("caller", [ANONYMOUS, PEER], ids=["stranger", "peer"])
@pytest.mark.parametrize("iri", [BINDING, FOREIGN], ids=["binding", "template"])
async def test_this_node_asks_no_other_city_for_a_stranger(
    templates: Templates, city: City, caller: Caller, iri: str
) -> None:
    with pytest.raises(NotFound):
        await templates.get(iri, caller)
    assert city.requests == []


@pytest.mark.parametrize("iri", [BINDING, FOREIGN], ids=["binding", "template"])
async def test_people_of_this_node_see_the_template_of_another_city(
    templates: Templates, city: City, iri: str
) -> None:
    assert (await templates.get(iri, ELS)).iri == FOREIGN
    assert city.requests == [FOREIGN]
