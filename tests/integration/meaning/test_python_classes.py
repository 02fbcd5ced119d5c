"""Ontologies as Python classes for plug-ins: the plug-in of the guide, versions, rights, and hostile content."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.adapters.reasoner import python_classes
from node.adapters.reasoner.python_classes import load_classes
from node.base.errors import InvalidInput, TooLarge
from node.identity.model import Caller, UserRole
from tests.integration.meaning.test_terms import publish
from tests.nodes import Running, running

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "use-an-ontology-in-python.md"
OWL = "http://www.w3.org/2002/07/owl#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWLREADY = "http://www.lesfleursdunormal.fr/static/_downloads/owlready_ontology.owl#"
IRI = "https://city.example/ontologies/x"
ROADS = (
    ':Road a owl:Class ; rdfs:label "road"@en ; rdfs:comment "For vehicles."@en .'
    ':CyclePath a owl:Class ; rdfs:label "cycle path"@en ; rdfs:comment "A road."@en ; rdfs:subClassOf :Road .'
)
LANE = ':Lane a owl:Class ; rdfs:label "lane"@en ; rdfs:comment "A part."@en ; rdfs:subClassOf :CyclePath .'


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """A node with the plug-in of the guide."""
    folder = tmp_path_factory.mktemp("plugin")
    (source,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    (folder / "kinds_of_road.py").write_text(source, "utf-8")
    sys.path.insert(0, str(folder))
    try:
        with running(folder / "city", template=sqlite_template, plugins=["kinds_of_road"]) as node:
            yield node
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("kinds_of_road", None)


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as client:
        secret = publish(client, city.url, "secret", ROADS.replace("Road", "Hidden"), audience="internal")
        imports = f"<{city.url}/ontologies/roads> owl:imports <{secret}> , <http://169.254.169.254/latest> ."
        publish(client, city.url, "roads", ROADS + imports)
        publish(client, city.url, "roads", ROADS + LANE + imports)
        yield client


def test_the_plug_in_of_the_guide(city: Running, http: httpx2.Client) -> None:
    with city.http() as stranger:
        assert stranger.get("/kinds-of-road").json() == {"version": 2, "kinds": ["cycle path", "lane"]}
        assert stranger.get("/kinds-of-road", params={"version": 1}).json() == {"version": 1, "kinds": ["cycle path"]}
        assert stranger.get("/kinds-of-road", params={"version": 9}).status_code == 404
        assert stranger.get("/kinds-of-road", params={"top": "Monorail"}).status_code == 404


def test_imports_are_among_the_classes_of_those_who_may_see_them(
    city: Running, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = city.node.host
    hidden = f"{city.url}/ontologies/secret#Hidden"

    def connect(*_: Any) -> None:
        raise AssertionError("a connection")

    async def names(caller: Any) -> tuple[bool, list[str]]:
        async with host.open_ontology(f"{city.url}/ontologies/roads", caller) as ontology:
            return ontology.world[hidden] is not None, [str(entry.state) for entry in ontology.closure.imports]

    own = Caller(did=host.did, account="editor", roles=frozenset({UserRole.STEWARD}))
    monkeypatch.setattr(socket, "create_connection", connect)
    assert asyncio.run(names(own)) == (True, ["found", "missing"])
    assert asyncio.run(names(Caller())) == (False, ["missing", "missing"])


def test_sixty_four_callers_wait_for_their_turn(city: Running, http: httpx2.Client) -> None:
    async def ask() -> set[int]:
        async with httpx2.AsyncClient(base_url=city.url, timeout=120, trust_env=False) as client:
            answers = await asyncio.gather(*(client.get("/kinds-of-road") for _ in range(64)))
        return {answer.status_code for answer in answers}

    assert asyncio.run(ask()) == {200}


def triples(*more: str) -> bytes:
    lines = [f"<{IRI}> <{RDF}type> <{OWL}Ontology> .", f"<{IRI}#A> <{RDF}type> <{OWL}Class> ."]
    lines += [f"<{IRI}#B> <{RDF}type> <{OWL}Class> .", *more]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    "statement",
    [
        f'<{IRI}> <{OWLREADY}python_module> "this" .',
        f"<{IRI}> <{OWL}imports> <http://127.0.0.1:1/imports> .",
        f"<{IRI}#A> <{RDFS}subClassOf> <{IRI}#A> .",
        f"<{IRI}#A> <{RDFS}subClassOf> <{IRI}#B> .\n<{IRI}#B> <{RDFS}subClassOf> <{IRI}#A> .",
        f"<{IRI}#__class__> <{RDF}type> <{OWL}ObjectProperty> .",
        f"<{IRI}#A> <{OWL}equivalentClass> _:l .\n_:l <{OWL}unionOf> _:m .\n_:m <{RDF}first> <{IRI}#B> .\n"
        f"_:m <{RDF}rest> _:m .",
        f"<{OWL}Thing> <{RDFS}subClassOf> <{IRI}#A> .",
    ],
)
def test_hostile_statements_make_no_module_no_connection_and_no_file(
    statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)
    world = load_classes(triples(statement), IRI)
    try:
        assert {class_.iri for class_ in world.world.classes()} == {f"{IRI}#A", f"{IRI}#B"}
    finally:
        world.close()
    assert "this" not in sys.modules
    assert list(tmp_path.iterdir()) == []


def test_two_worlds_know_nothing_of_each_other() -> None:
    first, second = load_classes(triples(), IRI), load_classes(triples(f"<{IRI}#C> <{RDF}type> <{OWL}Class> ."), IRI)
    assert first.world[f"{IRI}#C"] is None
    assert second.world[f"{IRI}#C"] is not None
    first.close()
    assert second.world[f"{IRI}#A"] is not None
    second.close()


def test_what_is_no_ontology_or_too_large_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput) as unreadable:
        load_classes(b"<not <ntriples", IRI)
    assert unreadable.value.remedy
    monkeypatch.setattr(python_classes, "MOST_STATEMENTS", 2)
    with pytest.raises(TooLarge) as large:
        load_classes(triples(), IRI)
    assert large.value.remedy
