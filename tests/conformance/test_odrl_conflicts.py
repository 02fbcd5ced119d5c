"""The conflict findings against ODRL-Test-Conflicts (SolidLabResearch): which pairs of policies contradict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rdflib import RDF, Graph, Namespace
from rdflib.collection import Collection
from rdflib.term import Literal, Node

from node.identity.model import ANONYMOUS
from node.policy.conflicts import lint
from node.policy.decide import decide
from node.policy.model import Situation
from node.policy.odrl import parse
from node.policy.terms import READ
from tests.artefacts import data

SUITE = "odrl-tests/ODRL-Test-Conflicts/data"
ODRL = Namespace("http://www.w3.org/ns/odrl/2/")
REPORT = Namespace("https://w3id.org/force/compliance-report#")
TAKEN_BACK = {"policy-forbidden-and-permitted", "policy-forbidden-and-due"}

APPLICABLE = (1, 2, 3, 9)
NOT_APPLICABLE = {
    4: "The forbidden duty is about another asset (the contract); a DSP policy is about one.",
    5: "Its second policy says odrl:prohibited, which is no term of ODRL, so that it forbids nothing.",
    6: "It is about a collection of assets and a member; a DSP policy has one target.",
    7: "It is about overlapping collections of assets; a DSP policy has one target.",
    8: "It needs owl:intersectionOf over actions, which no profile for DSP has.",
    10: "Whether the pair contradicts depends on the state of the world; findings are about the text alone.",
    11: "It refines actions; DSP 2025-1 writes an action as a string, which cannot be refined.",
}


def document(graph: Graph) -> dict[str, Any]:
    """All rules of a graph as one policy, with its one target."""
    policy_document: dict[str, Any] = {
        "@id": "urn:x-case",
        "@type": "Set",
        "profile": "https://w3id.org/hansa/policy",
    }
    for name in ("permission", "prohibition", "obligation"):
        policy_document[name] = [
            {
                "action": str(graph.value(rule, ODRL.action)),
                "target": str(graph.value(rule, ODRL.target)),
                "constraint": [condition(graph, node) for node in graph.objects(rule, ODRL.constraint)],
            }
            for rule in graph.objects(None, ODRL[name])
        ]
    return {name: value for name, value in policy_document.items() if value != []}


def condition(graph: Graph, node: Node) -> dict[str, Any]:
    for operator in ("and", "or", "xone", "andSequence"):
        operands = list(graph.objects(node, ODRL[operator]))
        if len(operands) == 1 and (operands[0], RDF.first, None) in graph:
            operands = list(Collection(graph, operands[0]))
        if operands:
            return {operator: [condition(graph, item) for item in operands]}
    right = graph.value(node, ODRL.rightOperand)
    assert isinstance(right, Literal)
    return {
        "leftOperand": str(graph.value(node, ODRL.leftOperand)),
        "operator": str(graph.value(node, ODRL.operator)),
        "rightOperand": {"@value": str(right), "@type": str(right.datatype)},
    }


def policy(number: int, letter: str) -> Graph:
    return Graph().parse(data(f"{SUITE}/policies/policy-{number}{letter}.ttl"))


def taken_back(graph: Graph) -> set[str]:
    return {finding.rule for finding in lint(document(graph))} & TAKEN_BACK


@pytest.mark.parametrize("number", APPLICABLE)
def test_the_pair_contradicts_and_neither_alone_does(number: int) -> None:
    expected = Graph().parse(data(f"{SUITE}/test_case/testcase-{number}.ttl"))
    assert (None, REPORT.activationState, REPORT.Conflict) in expected
    one, other = policy(number, "a"), policy(number, "b")
    assert taken_back(one + other)
    assert not taken_back(one)
    assert not taken_back(other)


@pytest.mark.parametrize("number", [1, 2, 9])
@pytest.mark.parametrize("strategy", ["perm", "prohibit", "invalid"])
def test_the_pair_is_decided_by_the_strategy_that_it_names(number: int, strategy: str) -> None:
    """ODRL 2.2 §2.10: ``perm``: the permission overrides; ``prohibit``: the prohibition; ``invalid``: all is void."""
    terms = {**document(policy(number, "a") + policy(number, "b")), "conflict": f"odrl:{strategy}"}
    there = Situation(caller=ANONYMOUS, at=datetime(2025, 6, 1, tzinfo=UTC), provider="did:web:p.example")
    assert decide(parse(terms), there, action=READ).permits == (strategy == "perm")
    findings = {finding.rule for finding in lint(terms)}
    assert ("policy-overridden" in findings) == (strategy == "perm")
    assert ("policy-forbidden-and-permitted" in findings) == (strategy != "perm")


def test_every_case_is_accounted_for() -> None:
    cases = list(data(f"{SUITE}/test_case").glob("*.ttl"))
    assert len(cases) == len(APPLICABLE) + len(NOT_APPLICABLE) == 11
    assert not set(APPLICABLE) & set(NOT_APPLICABLE)
