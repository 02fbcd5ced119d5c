"""Decisions: the policies of the demonstration, and each way in which a condition can fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.identity.model import ANONYMOUS, Caller, UserRole
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Nature, Outcome, Situation
from node.policy.odrl import parse
from node.policy.terms import ALGORITHM, DISTRIBUTE, EXECUTE, MINIMUM_CELL_SIZE, ODRL, READ, REPRODUCE, USE
from tests.fakes.policy import (
    BRUGGE,
    GENT,
    M2_VERSION,
    MEMBER,
    NOW,
    P3,
    P4,
    P5,
    PARTNER,
    REGION,
    REVOKED,
    brugge,
    credential,
    offer,
    situation,
)


def outcome_of(document: dict[str, Any], asked: Situation, action: str = USE) -> Outcome:
    return decide(parse(document), asked, action=action).outcome


def with_constraint(*constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "@id": "urn:uuid:1",
        "@type": "Offer",
        "permission": [{"action": "odrl:use", "constraint": list(constraints)}],
        **more,
    }


def constraint(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def only_unmet(decision: Decision) -> Any:
    assert decision.refuses
    assert len(decision.unmet) == 1
    return decision.unmet[0]


class TestTheDemonstration:
    def test_open_data_is_for_everybody(self) -> None:
        decision = decide(parse(offer("open")), situation(ANONYMOUS))
        assert decision.permits
        assert [reason.rule for reason in decision.reasons] == ["permission[0]"]

    def test_members_only(self) -> None:
        assert outcome_of(offer("members"), situation(brugge(MEMBER))) is Outcome.PERMIT
        assert outcome_of(offer("members"), situation(brugge(PARTNER))) is Outcome.REFUSE
        assert outcome_of(offer("members"), situation(ANONYMOUS)) is Outcome.REFUSE

    def test_brugge_is_refused_and_told_what_it_lacks(self) -> None:
        reason = only_unmet(decide(parse(offer(P3)), situation(brugge(MEMBER))))
        assert reason.rule == "permission[0].constraint[0]"
        assert reason.operand == "https://w3id.org/hansa/policy#credential"
        assert reason.nature is Nature.FACT
        assert reason.have == "MembershipCredential"
        assert reason.need == "MobilityPartnerCredential"
        assert "hansa join https://vlaanderen.example --as MobilityPartner" in reason.remedy["en"]
        assert reason.text["nl"].startswith("Alleen zolang")

    def test_brugge_as_mobility_partner_is_admitted(self) -> None:
        decision = decide(parse(offer(P3)), situation(brugge(MEMBER, PARTNER), purpose="mobility-planning"))
        assert decision.permits
        natures = {reason.rule: reason.nature for reason in decision.reasons}
        assert natures["permission[0].constraint[1]"] is Nature.UNDERTAKING
        assert natures["prohibition[0]"] is Nature.UNDERTAKING
        assert natures["obligation[0]"] is Nature.UNDERTAKING
        assert natures["permission[0].constraint[2]"] is Nature.FACT

    def test_a_revocation_bites_with_its_moment(self) -> None:
        asked = situation(brugge(MEMBER, rejected=(REVOKED,)), agreed=True)
        reason = only_unmet(decide(parse(offer(P3)), asked))
        assert reason.have == "MobilityPartnerCredential (revoked)"
        assert reason.since == REVOKED.since
        assert REGION in reason.remedy["en"]
        assert reason.to_json()["since"] == "2026-11-20T11:00:00+00:00"

    def test_a_firm_is_refused_on_grounds_of_its_purpose(self) -> None:
        reason = only_unmet(decide(parse(offer(P3)), situation(brugge(PARTNER), purpose="dpv:Marketing")))
        assert reason.nature is Nature.UNDERTAKING
        assert reason.have == "Marketing"
        assert "ImproveTransportMobility" in reason.need
        assert "improving transport and mobility" in reason.remedy["en"]

    def test_running_a_model_waits_for_a_person(self) -> None:
        policy = parse(offer(P4))
        assert principal_action(policy) == EXECUTE
        asked = situation(brugge(MEMBER), purpose="dpv:PublicPolicyMaking")
        decision = decide(policy, asked, action=EXECUTE)
        assert decision.asks
        assert [reason.operand for reason in decision.unmet] == [ODRL + "obtainConsent"]
        assert outcome_of(offer(P4), situation(brugge(MEMBER), approved=True), EXECUTE) is Outcome.PERMIT
        assert outcome_of(offer(P4), situation(brugge(MEMBER), agreed=True), EXECUTE) is Outcome.PERMIT

    def test_a_person_is_not_asked_where_a_fact_fails(self) -> None:
        assert outcome_of(offer(P4), situation(brugge()), EXECUTE) is Outcome.REFUSE

    @pytest.mark.parametrize("action", [USE, READ, REPRODUCE])
    def test_run_not_copy_gives_no_copy(self, action: str) -> None:
        decision = decide(parse(offer(P4)), situation(brugge(MEMBER), approved=True), action=action)
        assert decision.refuses
        assert decision.unmet[0].rule == "permission[0]"
        assert decision.unmet[0].need == "execute"

    def test_restricted_data_are_read_by_the_named_model_only(self) -> None:
        policy = parse(offer(P5))
        member = brugge(MEMBER)
        plain = decide(policy, situation(member))
        assert plain.refuses
        assert {reason.have for reason in plain.unmet} == {"not met here"}
        run = {ALGORITHM: M2_VERSION, MINIMUM_CELL_SIZE: 10}
        assert decide(policy, situation(member, facts=run)).permits
        assert decide(policy, situation(member, facts={**run, MINIMUM_CELL_SIZE: 9})).refuses
        assert decide(policy, situation(member, facts={**run, ALGORITHM: M2_VERSION[:-1] + "d"})).refuses
        assert decide(policy, situation(member, facts={**run, MINIMUM_CELL_SIZE: "many"})).refuses
        assert decide(policy, situation(member, negotiating=True)).permits


class TestCredentials:
    @pytest.mark.parametrize(
        ("changes", "have"),
        [
            ({"issuer": "did:web:elsewhere.example"}, "issued by did:web:elsewhere.example"),
            ({"valid_until": NOW}, "expired"),
            ({"valid_from": NOW + timedelta(seconds=1)}, "not valid yet"),
        ],
    )
    def test_a_credential_that_does_not_count_is_named_with_the_reason(
        self, changes: dict[str, Any], have: str
    ) -> None:
        held = credential("MobilityPartnerCredential", **changes)
        reason = only_unmet(decide(parse(offer(P3)), situation(brugge(held))))
        assert reason.have == f"MobilityPartnerCredential ({have})"
        assert (reason.since == NOW) is (have == "expired")

    def test_an_empty_list_of_issuers_trusts_nobody(self) -> None:
        for issuers in ({}, {"MobilityPartnerCredential": ()}):
            assert outcome_of(offer(P3), situation(brugge(PARTNER), issuers=issuers)) is Outcome.REFUSE

    def test_membership_of_another_region_does_not_count(self) -> None:
        held = credential("MembershipCredential", claims={"memberOf": "did:web:wallonie.example"})
        reason = only_unmet(decide(parse(offer("members")), situation(brugge(held))))
        assert reason.have == "MembershipCredential (of did:web:wallonie.example)"
        assert reason.remedy["cs"].endswith(": hansa join https://vlaanderen.example")

    @pytest.mark.parametrize("region", ["did:web:evil.example;reboot", "did:key:z6Mk", "x; reboot", ""])
    def test_a_region_that_is_no_did_web_never_stands_in_a_command(self, region: str) -> None:
        policy = offer("members")
        text = json.dumps(policy).replace(REGION, region or "about:blank")
        for reason in decide(parse(json.loads(text)), situation(brugge(PARTNER))).reasons:
            command = reason.remedy.get("en", "").partition("hansa join")[2]
            assert "reboot" not in command
            assert "did:key" not in command

    def test_a_stranger_is_told_to_come_as_a_participant(self) -> None:
        reason = only_unmet(decide(parse(offer(P3)), situation(ANONYMOUS)))
        assert reason.have == "nobody known"
        assert "participant" in reason.remedy["en"]

    def test_any_or_all(self) -> None:
        both = ["MembershipCredential", "MobilityPartnerCredential"]
        any_of = with_constraint(constraint("hz:credential", "isAnyOf", both))
        all_of = with_constraint(constraint("hz:credential", "isAllOf", both))
        assert outcome_of(any_of, situation(brugge(MEMBER))) is Outcome.PERMIT
        assert outcome_of(all_of, situation(brugge(MEMBER))) is Outcome.REFUSE
        assert outcome_of(all_of, situation(brugge(MEMBER, PARTNER))) is Outcome.PERMIT

    def test_type_names_may_be_written_with_our_namespace(self) -> None:
        for name in ("hansa:MembershipCredential", "https://w3id.org/hansa/policy#MembershipCredential"):
            asked = situation(brugge(MEMBER))
            assert outcome_of(with_constraint(constraint("hz:credential", "eq", name)), asked) is Outcome.PERMIT

    def test_absence_of_a_credential_cannot_be_known(self) -> None:
        document = with_constraint(constraint("hz:credential", "isNoneOf", ["MembershipCredential"]))
        assert only_unmet(decide(parse(document), situation(brugge()))).have == "not understood"


class TestDates:
    @pytest.mark.parametrize(
        ("operator", "right", "at", "met"),
        [
            ("lteq", "2027-12-31", "2027-12-31T23:59:59.999999+00:00", True),
            ("lteq", "2027-12-31", "2028-01-01T00:00:00+00:00", False),
            ("lt", "2027-12-31", "2027-12-31T00:00:00+00:00", False),
            ("gt", "2027-12-31", "2027-12-31T12:00:00+00:00", False),
            ("gt", "2027-12-31", "2028-01-01T00:00:00+00:00", True),
            ("gteq", "2027-12-31", "2027-12-31T00:00:00+00:00", True),
            ("eq", "2027-12-31", "2027-12-31T18:00:00+00:00", True),
            ("neq", "2027-12-31", "2027-12-31T18:00:00+00:00", False),
            # The same instant in two zones; and a day that is over earlier in the east.
            ("lteq", "2027-12-31T23:59:59+01:00", "2027-12-31T22:59:59+00:00", True),
            ("lteq", "2027-12-31T23:59:59+01:00", "2027-12-31T23:00:00+00:00", False),
            ("lteq", "2027-12-31+02:00", "2027-12-31T21:59:59+00:00", True),
            ("lteq", "2027-12-31+02:00", "2027-12-31T22:00:00+00:00", False),
            ("eq", "2024-02-12T11:20:10.999Z", "2024-02-12T12:20:10.999+01:00", True),
            ("lteq", "2023-12-31T06:00Z", "2023-12-31T06:00:00+00:00", True),
            ("lt", "2027-12-31T24:00:00Z", "2027-12-31T23:59:59+00:00", True),
        ],
    )
    def test_bounds(self, operator: str, right: str, at: str, met: bool) -> None:
        document = with_constraint(constraint("odrl:dateTime", operator, right))
        asked = situation(brugge(), at=datetime.fromisoformat(at))
        assert decide(parse(document), asked).permits is met

    def test_the_end_of_a_term_is_told(self) -> None:
        lasting = credential("MobilityPartnerCredential", valid_until=None)
        asked = situation(brugge(lasting), at=datetime(2028, 1, 2, 10, tzinfo=UTC))
        reason = only_unmet(decide(parse(offer(P3)), asked))
        assert reason.have == "2028-01-02T10:00:00Z"
        assert reason.need == "until 2027-12-31T23:59:59Z"
        assert reason.since == datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)
        assert "new offer" in reason.remedy["en"]

    def test_a_term_that_has_not_begun(self) -> None:
        document = offer({"template": "members", "from": "2027-01-01"})
        reason = only_unmet(decide(parse(document), situation(brugge(MEMBER))))
        assert reason.since is None
        assert "begun" in reason.remedy["en"]

    @pytest.mark.parametrize("right", ["soon", "2027-02-30", "2027-12-31T25:00:00Z", "0000-01-01", "20271231", ""])
    def test_what_is_no_date_counts_as_unmet(self, right: str) -> None:
        document = with_constraint(constraint("odrl:dateTime", "neq", right))
        assert only_unmet(decide(parse(document), situation(brugge()))).have == "not understood"


class TestPurposes:
    @pytest.mark.parametrize(
        ("operator", "listed", "declared", "permitted"),
        [
            ("isAnyOf", ["dpv:ResearchAndDevelopment"], None, True),
            ("isAnyOf", ["dpv:ResearchAndDevelopment"], "dpv:ResearchAndDevelopment", True),
            ("isAnyOf", ["dpv:ResearchAndDevelopment"], "dpv:ScientificResearch", True),
            ("isA", "dpv:PublicBenefit", "infra:RoadInfrastructurePlanning", True),
            ("isAnyOf", ["dpv:ImproveTransportMobility"], "infra:RoadTrafficManagement", False),
            ("isAnyOf", ["dpv:ScientificResearch"], "dpv:ResearchAndDevelopment", False),
            ("isAnyOf", ["dpv:ScientificResearch"], "https://example.org/other", False),
            ("isAnyOf", ["dpv:ImproveTransportMobility"], "mobility-planning", False),
            ("isNoneOf", ["dpv:ResearchAndDevelopment"], "dpv:ScientificResearch", False),
            ("isNoneOf", ["dpv:ScientificResearch"], "dpv:ResearchAndDevelopment", False),
            ("isNoneOf", ["dpv:Marketing"], "dpv:ScientificResearch", True),
            ("neq", "dpv:Marketing", None, True),
        ],
    )
    def test_only_a_contradiction_refuses(
        self, operator: str, listed: Any, declared: str | None, permitted: bool
    ) -> None:
        document = with_constraint(constraint("odrl:purpose", operator, listed))
        assert decide(parse(document), situation(brugge(), purpose=declared)).permits is permitted


class TestOtherOperands:
    def test_participants(self) -> None:
        named = with_constraint(constraint("hz:participant", "isAnyOf", [BRUGGE]))
        barred = with_constraint(constraint("hz:participant", "neq", BRUGGE))
        assert outcome_of(named, situation(brugge())) is Outcome.PERMIT
        assert outcome_of(named, situation(Caller(did=GENT))) is Outcome.REFUSE
        assert outcome_of(barred, situation(brugge())) is Outcome.REFUSE
        assert outcome_of(barred, situation(Caller(did=GENT))) is Outcome.PERMIT
        assert outcome_of(barred, situation(ANONYMOUS)) is Outcome.REFUSE

    @pytest.mark.parametrize(
        ("operator", "right", "in_force", "met"),
        [
            ("eq", "https://r.example/rulebooks/m", "https://r.example/rulebooks/m#v3", True),
            ("eq", "https://r.example/rulebooks/m#v2", "https://r.example/rulebooks/m#v3", False),
            ("gteq", "https://r.example/rulebooks/m#v2", "https://r.example/rulebooks/m#v3", True),
            ("gteq", "https://r.example/rulebooks/m#v4", "https://r.example/rulebooks/m#v3", False),
            ("lteq", "https://r.example/rulebooks/m#v3", "https://r.example/rulebooks/m#v3", True),
            ("gteq", "https://r.example/rulebooks/other#v2", "https://r.example/rulebooks/m#v3", False),
            ("gteq", "https://r.example/rulebooks/m", "https://r.example/rulebooks/m#v3", False),
            ("gteq", "https://r.example/rulebooks/m#v2", "https://r.example/rulebooks/m", False),
            ("eq", "https://r.example/rulebooks/m", None, False),
        ],
    )
    def test_rulebook_versions(self, operator: str, right: str, in_force: str | None, met: bool) -> None:
        document = with_constraint(constraint("hz:rulebook", operator, right))
        assert decide(parse(document), situation(brugge(), rulebook=in_force)).permits is met

    @pytest.mark.parametrize(
        ("declared", "permitted"),
        [
            (None, True),
            ("http://data.europa.eu/nuts/code/BE23", True),
            ("http://data.europa.eu/nuts/code/FR1", False),
            ("https://example.org/somewhere", True),
        ],
    )
    def test_places_refuse_only_where_a_declaration_contradicts(self, declared: str | None, permitted: bool) -> None:
        document = with_constraint(constraint("odrl:spatial", "isPartOf", "http://data.europa.eu/nuts/code/BE2"))
        facts = {} if declared is None else {ODRL + "spatial": declared}
        assert decide(parse(document), situation(brugge(), facts=facts)).permits is permitted

    def test_a_use_too_many(self) -> None:
        document = with_constraint(constraint("odrl:count", "lteq", {"@value": "2", "@type": "xsd:integer"}))
        assert decide(parse(document), situation(brugge(), facts={ODRL + "count": 2})).permits
        assert decide(parse(document), situation(brugge(), facts={ODRL + "count": 3})).refuses
        assert decide(parse(document), situation(brugge())).refuses


class TestWhatIsNotUnderstood:
    @pytest.mark.parametrize(
        "document",
        [
            with_constraint(constraint("https://w3id.org/catenax/policy/FrameworkAgreement", "eq", "x")),
            with_constraint(constraint("odrl:dateTime", "hasPart", "2027-12-31")),
            with_constraint(constraint("odrl:purpose", "isAnyOf", [])),
            with_constraint(constraint("hz:credential", "eq", ["A", "B"])),
            with_constraint(constraint("odrl:dateTime", "lteq", ["2030-12-31", "2020-12-31"])),
            with_constraint(obligation=[{"action": "https://example.org/dance"}]),
            with_constraint(prohibition=[{"action": "https://example.org/dance"}]),
            with_constraint(prohibition=[{"action": "odrl:sell", "constraint": [constraint("x:y", "eq", "z")]}]),
            with_constraint(
                obligation=[{"action": "odrl:delete", "constraint": [constraint("odrl:event", "eq", "z")]}]
            ),
            {"@id": "urn:x", "permission": [{"action": "https://example.org/dance"}]},
        ],
    )
    def test_it_refuses_and_is_printed(self, document: dict[str, Any]) -> None:
        decision = decide(parse(document), situation(brugge(MEMBER, PARTNER), approved=True))
        assert decision.refuses
        assert all(reason.remedy["en"] for reason in decision.unmet)

    def test_ignorance_is_no_leave_under_exclusive_or_and_prohibition(self) -> None:
        unknown = constraint("https://example.org/unheard", "eq", "x")
        member = constraint("hz:membership", "eq", REGION)
        assert outcome_of(with_constraint({"xone": [unknown, member]}), situation(brugge(MEMBER))) is Outcome.REFUSE
        forbidding = with_constraint(prohibition=[{"action": "odrl:use", "constraint": [unknown]}])
        assert outcome_of(forbidding, situation(brugge(MEMBER))) is Outcome.REFUSE

    def test_a_prohibition_bites_where_it_cannot_be_told_whether_it_applies(self) -> None:
        barred = {"action": "odrl:use", "constraint": [constraint("hz:participant", "eq", GENT)]}
        document = with_constraint(prohibition=[barred])
        assert outcome_of(document, situation(ANONYMOUS)) is Outcome.REFUSE
        assert outcome_of(document, situation(brugge())) is Outcome.PERMIT

    def test_an_alternative_that_is_understood_suffices(self) -> None:
        unknown = constraint("https://example.org/unheard", "eq", "x")
        document = with_constraint({"or": [unknown, constraint("hz:membership", "eq", REGION)]})
        decision = decide(parse(document), situation(brugge(MEMBER)))
        assert decision.permits
        assert decision.unmet == ()
        assert [reason.counts for reason in decision.reasons if not reason.met] == [False]


class TestCombination:
    A = constraint("hz:participant", "eq", BRUGGE)
    B = constraint("hz:participant", "eq", GENT)

    @pytest.mark.parametrize(
        ("logical", "permitted"),
        [
            ({"and": [A, A]}, True),
            ({"and": [A, B]}, False),
            ({"or": [B, A]}, True),
            ({"or": [B, B]}, False),
            ({"xone": [A, B]}, True),
            ({"xone": [A, A]}, False),
            ({"xone": [B, B]}, False),
            ({"andSequence": [A, A]}, True),
            ({"or": [{"and": [A, B]}, {"xone": [B, A]}]}, True),
        ],
    )
    def test_logical_constraints(self, logical: dict[str, Any], permitted: bool) -> None:
        decision = decide(parse(with_constraint(logical)), situation(brugge()))
        assert decision.permits is permitted
        assert bool(decision.unmet) is not permitted

    def test_of_two_promises_one_can_be_kept_exclusively(self) -> None:
        one = constraint("odrl:purpose", "eq", "dpv:Marketing")
        other = constraint("odrl:purpose", "eq", "dpv:ScientificResearch")
        document = with_constraint({"xone": [one, other]})
        assert outcome_of(document, situation(brugge())) is Outcome.PERMIT
        assert outcome_of(document, situation(brugge(), purpose="dpv:Marketing")) is Outcome.PERMIT
        assert outcome_of(document, situation(brugge(), purpose="dpv:PublicBenefit")) is Outcome.REFUSE

    def test_forbidding_to_distribute_does_not_void_use(self) -> None:
        document = with_constraint(prohibition=[{"action": "odrl:distribute"}])
        assert outcome_of(document, situation(brugge())) is Outcome.PERMIT
        assert outcome_of(document, situation(brugge()), DISTRIBUTE) is Outcome.REFUSE

    def test_forbidding_use_forbids_all_that_is_use(self) -> None:
        document = with_constraint(prohibition=[{"action": "odrl:use"}])
        for action in (USE, READ, DISTRIBUTE):
            assert outcome_of(document, situation(brugge()), action) is Outcome.REFUSE

    def test_a_conditional_prohibition_bites_when_its_condition_holds(self) -> None:
        late = {"action": "odrl:use", "constraint": [constraint("odrl:dateTime", "gt", "2027-01-01")]}
        document = with_constraint(prohibition=[late])
        assert outcome_of(document, situation(brugge())) is Outcome.PERMIT
        later = situation(brugge(), at=datetime(2027, 6, 1, tzinfo=UTC))
        decision = decide(parse(document), later)
        assert [reason.rule for reason in decision.unmet] == ["prohibition[0]", "prohibition[0].constraint[0]"]

    def test_a_forbidden_purpose_is_a_promise_until_it_is_declared(self) -> None:
        no_sale = {"action": "odrl:use", "constraint": [constraint("odrl:purpose", "eq", "dpv:Marketing")]}
        document = with_constraint(prohibition=[no_sale])
        assert outcome_of(document, situation(brugge())) is Outcome.PERMIT
        assert outcome_of(document, situation(brugge(), purpose="dpv:ScientificResearch")) is Outcome.PERMIT
        assert outcome_of(document, situation(brugge(), purpose="dpv:Marketing")) is Outcome.REFUSE

    def test_a_policy_that_voids_itself(self) -> None:
        document = with_constraint(prohibition=[{"action": "odrl:distribute"}], conflict="odrl:invalid")
        decision = decide(parse(document), situation(brugge()))
        assert [reason.rule for reason in decision.unmet] == ["conflict"]

    @pytest.mark.parametrize("strategy", [{}, {"conflict": "odrl:prohibit"}])
    def test_permissions_do_not_win_over_prohibitions(self, strategy: dict[str, Any]) -> None:
        document = with_constraint(prohibition=[{"action": "odrl:use"}], **strategy)
        assert outcome_of(document, situation(brugge())) is Outcome.REFUSE

    def test_without_permission_nothing_is_permitted(self) -> None:
        decision = decide(parse({"@id": "urn:x", "prohibition": [{"action": "odrl:sell"}]}), situation(brugge()))
        assert [reason.rule for reason in decision.unmet] == ["permission"]
        assert decision.unmet[0].text["en"] == "The policy permits nothing."

    def test_of_two_permissions_one_suffices_and_the_other_does_not_count(self) -> None:
        document = with_constraint(self.B)
        document["permission"].append({"action": "odrl:read", "constraint": [self.A]})
        assert decide(parse(document), situation(brugge()), action=READ).unmet == ()
        refused = decide(parse(document), situation(brugge()), action=USE)
        assert [reason.rule for reason in refused.unmet] == ["permission[0].constraint[0]"]

    def test_a_broken_duty_refuses(self) -> None:
        document = with_constraint(obligation=[{"action": "odrl:delete"}])
        assert outcome_of(document, situation(brugge(), facts={ODRL + "delete": False})) is Outcome.REFUSE
        assert outcome_of(document, situation(brugge(), facts={ODRL + "delete": True})) is Outcome.PERMIT

    def test_consent_as_an_obligation_asks_too(self) -> None:
        document = with_constraint(obligation=[{"action": "odrl:obtainConsent"}])
        assert outcome_of(document, situation(brugge())) is Outcome.ASK


def test_people_of_the_node_are_decided_by_the_same_rules() -> None:
    person = Caller(did=GENT, account="anna", roles=frozenset({UserRole.STEWARD}))
    assert outcome_of(offer(P3), situation(person)) is Outcome.REFUSE


def test_a_decision_has_no_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(decide(parse(offer("open")), situation(ANONYMOUS)))
