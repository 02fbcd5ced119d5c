"""The evaluator against the FORCE ODRL Test Suite (SolidLabResearch/ODRL-Test-Suite, MIT).

The suite states policies, requests and states of the world in Turtle, and expects compliance reports. The adapter
below says each policy as a DSP policy with the terms of our profile:

- a rule's assignee becomes ``hz:participant``, an assignee that is a party collection ``hz:membership`` with a
  credential for those who are ``odrl:partOf`` it;
- a rule about another asset than the requested one is no part of that asset's policy;
- a duty that the state of the world reports as violated becomes a fact.

Expected is that the request is permitted exactly where the report has an active permission and no active
prohibition, and that each reported constraint stands as reported.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from rdflib import RDF, Graph, Namespace, URIRef
from rdflib.term import Literal, Node

from node.base.errors import InvalidInput
from node.identity.model import Caller, Credential
from node.policy.decide import decide
from node.policy.model import Situation
from node.policy.odrl import parse
from tests.artefacts import SHARED, data

SUITE = "odrl-tests/ODRL-Test-Suite/data"
TERMS = Namespace("http://www.w3.org/ns/odrl/2/")
EX = Namespace("http://example.org/")
REPORT = Namespace("https://w3id.org/force/compliance-report#")
DCT = Namespace("http://purl.org/dc/terms/")

NO_ACTION = "Its rule names no action; DSP 2025-1 requires one in every rule, and the reader refuses it."
COLLECTION = "It is about a collection of assets; a DSP policy has one target, chosen before the evaluator is asked."
NOT_APPLICABLE = {
    "urn:uuid:4cbd8f38-348b-4b09-8e1a-04b47c97ad78": NO_ACTION,
    "urn:uuid:fe737228-8ead-4771-af2c-d6c9de1bdc05": NO_ACTION,
    "urn:uuid:2dd7d09e-aff1-49bf-bdc5-d50f2a3b5013": COLLECTION,
    "urn:uuid:e30bcd34-0d5c-43d1-b229-bf68afcae5ae": COLLECTION,
}

FOLDER = SHARED / "data" / SUITE / "test_cases"
CASES = sorted(path.name for path in FOLDER.glob("*.ttl")) if FOLDER.is_dir() else []


@lru_cache(maxsize=64)
def graph_of(folder: str, iri: str) -> Graph:
    """The file of ``folder`` that describes ``iri``, alone: policies share constraint IRIs with other contents."""
    for path in sorted(data(f"{SUITE}/{folder}").glob("*.ttl")):
        graph = Graph().parse(path)
        if (URIRef(iri), RDF.type, None) in graph:
            return graph
    raise AssertionError(f"{folder} does not describe {iri}")


class Adapted:
    """One case, said in our terms."""

    def __init__(self, name: str) -> None:
        self.graph = Graph().parse(FOLDER / name)
        case = next(self.graph.subjects(RDF.type, EX.TestCase))
        self.policy_iri = self.graph.value(case, EX.policy)
        self.policy = graph_of("policies", str(self.policy_iri))
        asked = graph_of("requests", str(self.graph.value(case, EX.request)))
        request = next(asked.objects(self.graph.value(case, EX.request), TERMS.permission))
        self.asker = str(asked.value(request, TERMS.assignee))
        self.action = str(asked.value(request, TERMS.action))
        self.target = asked.value(request, TERMS.target)
        self.state = graph_of("sotw", str(self.graph.value(case, EX.sotw)))
        self.paths: dict[str, str] = {}

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"@id": str(self.policy_iri), "@type": "Set"}
        for name in ("permission", "prohibition", "obligation"):
            rules: list[dict[str, Any]] = []
            for rule in self.policy.objects(self.policy_iri, TERMS[name]):
                if self.policy.value(rule, TERMS.target) in {None, self.target}:
                    rules.append(self._rule(rule, f"{name}[{len(rules)}]"))
            document[name] = rules
        return document

    def _rule(self, rule: Node, path: str) -> dict[str, Any]:
        policy_rule: dict[str, Any] = {"constraint": []}
        if (action := self.policy.value(rule, TERMS.action)) is not None:
            policy_rule["action"] = str(action)
        for constraint in self.policy.objects(rule, TERMS.constraint):
            policy_rule["constraint"].append(
                self._condition(constraint, f"{path}.constraint[{len(policy_rule['constraint'])}]")
            )
        assignee = self.policy.value(rule, TERMS.assignee)
        if assignee is not None:
            group = (assignee, RDF.type, TERMS.PartyCollection) in self.policy
            operand = "hz:membership" if group else "hz:participant"
            policy_rule["constraint"].append(
                {"leftOperand": operand, "operator": "eq", "rightOperand": str(assignee)}
            )
        policy_rule["duty"] = [
            {"action": str(self.policy.value(duty, TERMS.action))} for duty in self.policy.objects(rule, TERMS.duty)
        ]
        return policy_rule

    def _condition(self, node: Node, path: str) -> dict[str, Any]:
        for operator in ("and", "or", "xone", "andSequence"):
            operands = sorted(self.policy.objects(node, TERMS[operator]))
            if operands:
                return {
                    operator: [
                        self._condition(operand, f"{path}.{operator}[{index}]")
                        for index, operand in enumerate(operands)
                    ]
                }
        self.paths[str(node)] = path
        right = self.policy.value(node, TERMS.rightOperand)
        value: Any = {"@id": str(right)}
        if isinstance(right, Literal):
            value = {"@value": str(right), **({"@type": str(right.datatype)} if right.datatype else {})}
        return {
            "leftOperand": str(self.policy.value(node, TERMS.leftOperand)),
            "operator": str(self.policy.value(node, TERMS.operator)),
            "rightOperand": value,
        }

    def situation(self) -> Situation:
        now = next(self.state.objects(None, DCT.issued)).toPython()
        assert isinstance(now, datetime)
        issuer = "did:web:authority.example"
        groups = [str(group) for group in self.state.objects(URIRef(self.asker), TERMS.partOf)]
        credentials = tuple(
            Credential(
                id=f"urn:credential:{group}",
                types=("MembershipCredential",),
                issuer=issuer,
                subject=self.asker,
                claims={"memberOf": group},
                valid_from=datetime(2000, 1, 1, tzinfo=UTC),
                valid_until=now + timedelta(days=1),
            )
            for group in groups
        )
        violated = {
            str(self.policy.value(self.state.value(report, REPORT.rule), TERMS.action)): False
            for report in self.state.subjects(REPORT.deonticState, REPORT.Violated)
        }
        return Situation(
            caller=Caller(did=self.asker, credentials=credentials),
            at=now,
            provider="did:web:provider.example",
            issuers={"MembershipCredential": (issuer,)},
            facts=violated,
        )

    def expected(self) -> bool:
        def active(kind: URIRef) -> bool:
            return any(
                (report, REPORT.activationState, REPORT.Active) in self.graph
                and (report, REPORT.attemptState, REPORT.Attempted) in self.graph
                for report in self.graph.subjects(RDF.type, kind)
            )

        return active(REPORT.PermissionReport) and not active(REPORT.ProhibitionReport)

    def reported(self) -> dict[str, bool]:
        """Constraint IRI → whether it is reported as satisfied; atomic constraints only."""
        return {
            str(self.graph.value(report, REPORT.constraint)): (report, REPORT.satisfactionState, REPORT.Satisfied)
            in self.graph
            for report in self.graph.subjects(RDF.type, REPORT.ConstraintReport)
            if str(self.graph.value(report, REPORT.constraint)) in self.paths
        }


@pytest.mark.parametrize("name", CASES or ["absent"])
def test_case(name: str) -> None:
    data(SUITE)
    case = Adapted(name)
    if str(case.policy_iri) in NOT_APPLICABLE:
        if NOT_APPLICABLE[str(case.policy_iri)] is NO_ACTION:
            with pytest.raises(InvalidInput, match="needs an action"):
                parse(case.document())
        else:
            # The rule is about something else than the requested asset: nothing is left to permit it.
            assert not parse(case.document()).permissions
        return
    decision = decide(parse(case.document()), case.situation(), action=case.action)
    assert decision.permits is case.expected()
    stands = {reason.rule: reason.met for reason in decision.reasons}
    for iri, satisfied in case.reported().items():
        assert stands[case.paths[iri]] is satisfied, iri


def test_how_much_of_the_suite_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    data(SUITE)
    cases = [Adapted(name) for name in CASES]
    beside = [case for case in cases if str(case.policy_iri) in NOT_APPLICABLE]
    constraints = 0
    for case in cases:
        if case not in beside:
            case.document()
            constraints += len(case.reported())
    with capsys.disabled():
        print(
            f"\nFORCE ODRL Test Suite: {len(cases)} cases, {len(cases) - len(beside)} applicable, "
            f"{len(beside)} not, {constraints} reported constraints compared"
        )
    assert len(cases) >= 34
    assert len(beside) * 5 <= len(cases)
    assert constraints >= 500
