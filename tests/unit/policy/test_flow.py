"""Conditions that flow: the cases of the demonstration, of licences, and each way in which nothing is left."""

from __future__ import annotations

from typing import Any

import pytest

from node.base.errors import InvalidInput, TooLarge
from node.policy.decide import decide
from node.policy.flow.licences import licence
from node.policy.flow.result import Breach, Inheritance, Source, admits, inherit, strictest_offer
from node.policy.model import Outcome
from node.policy.odrl import parse
from node.policy.terms import DISTRIBUTE, MINIMUM_CELL_SIZE, USE
from node.texts.languages import LANGUAGES
from tests.fakes.policy import MEMBER, P3, P4, P5, PARTNER, brugge, offer, situation

GENT = "did:web:gent.example"


def source(title: str, conditions: Any = None, licence: str | None = None) -> Source:
    """An input that was had under conditions of a template (or an own policy), a licence, or both."""
    policy = conditions if isinstance(conditions, dict) and "@id" in conditions else None
    if conditions is not None and policy is None:
        policy = offer(conditions)
    iri = f"https://x.example/{title.lower().replace(' ', '-')}"
    return Source(iri=iri, title=title, policy=policy, licence=licence)


def own(*constraints: dict[str, Any], action: str = "odrl:use", **more: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"action": action}
    if constraints:
        rule["constraint"] = list(constraints)
    return {"@id": "urn:uuid:1", "@type": "Offer", "permission": [rule], **more}


def constraint(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def deleted_within(span: str) -> list[dict[str, Any]]:
    return [{"action": "odrl:delete", "constraint": [constraint("odrl:elapsedTime", "lteq", span)]}]


def fitting(bound: Inheritance, **facts: Any) -> dict[str, Any]:
    return strictest_offer(bound, target="https://x.example/result", offer_id="urn:uuid:2", **facts)


def rules_of(breaches: tuple[Breach, ...]) -> set[tuple[str, str]]:
    return {(breach.title, breach.rule) for breach in breaches}


NETWORK = source("Road network", "open", "CC-BY-4.0")
COUNTS = source("Traffic counts", P3, "CC-BY-4.0")
NOISE = source("Road noise", P4, "CC-BY-4.0")
RECEPTORS = source("Noise receptors", P5, "CC-BY-4.0")
MOBILITY = "Only for improving transport and mobility"


class TestTheDemonstration:
    def test_counts_bind_what_is_made_from_them_and_the_open_network_asks_for_credit(self) -> None:
        bound = inherit([NETWORK, COUNTS])
        sentences = bound.sentences("en")
        assert "Only until 31 December 2027, included (“Traffic counts”)." in sentences
        assert any(line.startswith(MOBILITY) and line.endswith("(“Traffic counts”).") for line in sentences)
        assert "The recipient must not pass the asset on, whole or in part (“Traffic counts”)." in sentences
        assert any("within 30 days" in line and "(“Traffic counts”)" in line for line in sentences)
        assert "It may only be sent sealed (“Traffic counts”)." in sentences
        assert any("credit" in line and "(“Road network”, “Traffic counts”)" in line for line in sentences)
        for language in LANGUAGES:
            assert len(bound.sentences(language)) == len(sentences)

    def test_publishing_them_openly_is_refused_for_each_condition_with_its_input_and_rule(self) -> None:
        bound = inherit([NETWORK, COUNTS])
        breaches = admits(bound, offer("open"), licence="CC-BY-4.0")
        assert rules_of(breaches) == {
            ("Traffic counts", "permission[0].constraint[0]"),
            ("Traffic counts", "permission[0].constraint[1]"),
            ("Traffic counts", "permission[0].constraint[2]"),
            ("Traffic counts", "prohibition[0]"),
            ("Traffic counts", "obligation[0]"),
            ("Traffic counts", "obligation[1]"),
            ("Traffic counts", "sealed"),
        }
        until = next(breach for breach in breaches if breach.rule.endswith("constraint[2]"))
        assert until.input == COUNTS.iri
        assert until.text["en"] == ("More open than “Traffic counts” allows: Only until 31 December 2027, included.")
        assert until.remedy["en"] == "Add to the conditions: Only until 31 December 2027, included."
        assert all(set(breach.text) == set(breach.remedy) == set(LANGUAGES) for breach in breaches)
        assert until.to_json()["rule"] == "permission[0].constraint[2]"

    def test_the_same_conditions_or_stricter_ones_are_admitted(self) -> None:
        bound = inherit([NETWORK, COUNTS])
        assert admits(bound, offer(P3), licence="CC-BY-4.0") == ()
        assert admits(bound, offer({**P3, "until": "2027-06-30", "delete": "P7D"}), licence="CC-BY-4.0") == ()
        later = admits(bound, offer({**P3, "until": "2028-06-30", "delete": "P60D"}), licence="CC-BY-4.0")
        assert rules_of(later) == {
            ("Traffic counts", "permission[0].constraint[2]"),
            ("Traffic counts", "obligation[0]"),
        }

    def test_results_of_a_model_that_is_run_may_be_copied_though_the_model_may_not(self) -> None:
        bound = inherit([NETWORK, NOISE])
        policy = parse(fitting(bound))
        assert [rule.action for rule in policy.permissions] == [USE]
        assert policy.prohibitions == ()
        assert policy.permissions[0].duties == (), "the run has been approved"
        assert any("public task" in line and "(“Road noise”)" in line for line in bound.sentences("en"))
        member = situation(brugge(MEMBER), purpose="dpv:PublicPolicyMaking")
        assert decide(policy, member).outcome is Outcome.PERMIT
        assert decide(policy, situation(brugge())).outcome is Outcome.REFUSE

    def test_cells_bind_until_the_figures_keep_to_them(self) -> None:
        bound = inherit([RECEPTORS, NOISE])
        terms = fitting(bound, facts={MINIMUM_CELL_SIZE: 10})
        assert "minimumCellSize" not in str(terms)
        assert admits(bound, terms, facts={MINIMUM_CELL_SIZE: 10}, licence="CC-BY-4.0") == ()
        for facts in ({}, {MINIMUM_CELL_SIZE: 9}):
            (breach,) = admits(bound, terms, facts=facts, licence="CC-BY-4.0")
            assert breach.rule == "permission[0].constraint[2]"
            assert "10 residents" in breach.text["en"]
        assert "minimumCellSize" in str(fitting(bound, facts={MINIMUM_CELL_SIZE: 9}))
        assert "algorithm" not in str(terms), "the run was by that model: the result is no longer about it"

    def test_purposes_of_two_inputs_become_those_that_both_name(self) -> None:
        bound = inherit([COUNTS, NOISE])
        (line,) = [line for line in bound.sentences("en") if line.startswith(MOBILITY)]
        assert line.endswith("(“Road noise”, “Traffic counts”).")
        policy = parse(fitting(bound))
        partner = brugge(MEMBER, PARTNER)
        assert decide(policy, situation(partner, purpose="dpv:ImproveTransportMobility")).permits
        assert decide(policy, situation(partner, purpose="dpv:PublicPolicyMaking")).refuses
        assert decide(policy, situation(partner), action=DISTRIBUTE).refuses


RESEARCH = source("Survey", own(constraint("odrl:purpose", "eq", "dpv:ScientificResearch")))


class TestNothingIsLeft:
    def test_purposes_that_exclude_one_another_name_both_inputs(self) -> None:
        bound = inherit([NETWORK, COUNTS, RESEARCH])
        assert not bound.publishable
        (problem,) = bound.problems
        assert problem.code == "excluded"
        assert {origin.input for origin in problem.origins} == {COUNTS.iri, RESEARCH.iri}
        assert "“Traffic counts”" in problem.text["nl"]
        assert "“Survey”" in problem.text["nl"]
        assert "“Road network”" not in problem.text["en"]
        assert bound.sentences("en") == [problem.text["en"]]
        (breach,) = admits(bound, offer("open"))
        assert breach.code == "excluded"
        assert "leave it out" in breach.remedy["en"]
        assert "permission" not in fitting(bound)

    @pytest.mark.parametrize(
        ("first", "other"),
        [
            (constraint("odrl:dateTime", "lteq", "2026-01-01"), constraint("odrl:dateTime", "gt", "2026-06-30")),
            (
                constraint("hz:participant", "eq", GENT),
                constraint("hz:participant", "isNoneOf", [GENT, "did:web:b.example"]),
            ),
            (
                constraint("odrl:spatial", "isPartOf", "http://data.europa.eu/nuts/code/BE2"),
                constraint("odrl:spatial", "isPartOf", "http://data.europa.eu/nuts/code/CZ03"),
            ),
            (
                constraint("hz:rulebook", "gteq", "https://r.example/rulebook#v3"),
                constraint("hz:rulebook", "eq", "https://r.example/rulebook#v2"),
            ),
        ],
    )
    def test_conditions_that_nobody_can_meet_together(self, first: dict[str, Any], other: dict[str, Any]) -> None:
        bound = inherit([source("One", own(first)), source("Other", own(other))])
        assert [problem.code for problem in bound.problems] == ["excluded"]
        assert {origin.input for origin in bound.problems[0].origins} == {
            "https://x.example/one",
            "https://x.example/other",
        }

    @pytest.mark.parametrize(
        ("origin", "code"),
        [
            (source("Own", licence="https://x.example/our-terms"), "unknown-licence"),
            (source("Nothing"), "no-terms"),
            (source("Fixed", licence="CC-BY-ND-4.0"), "no-derivatives"),
            (source("Look", own(action="odrl:read")), "no-derivatives"),
            (source("Fixed", own(prohibition=[{"action": "odrl:derive"}])), "no-derivatives"),
            (source("Odd", own(constraint("https://x.example/moon", "eq", "full"))), "not-understood"),
            (source("Odd", own(obligation=[{"action": "odrl:sneeze"}])), "not-understood"),
            (source("Odd", own(prohibition=[{"action": "https://x.example/sneeze"}])), "not-understood"),
            (source("Void", own(conflict="odrl:invalid", prohibition=[{"action": "odrl:print"}])), "void"),
        ],
    )
    def test_an_input_that_leaves_nothing(self, origin: Source, code: str) -> None:
        bound = inherit([NETWORK, origin])
        assert [problem.code for problem in bound.problems] == [code]
        assert f"“{origin.title}”" in bound.problems[0].text["en"]
        assert bound.to_json()["problems"][0]["sources"][0]["input"] == origin.iri

    def test_an_alternative_that_can_be_met_is_enough(self) -> None:
        either = own()
        either["permission"] = [
            {"action": "odrl:use", "constraint": [constraint("odrl:purpose", "eq", "dpv:ScientificResearch")]},
            {"action": "odrl:use", "constraint": [constraint("odrl:purpose", "eq", "dpv:ImproveTransportMobility")]},
        ]
        bound = inherit([COUNTS, source("Survey", either)])
        assert bound.publishable
        assert "scientific" not in " ".join(bound.sentences("en"))

    def test_too_many_alternatives_are_refused_in_words(self) -> None:
        def many(stem: str) -> dict[str, Any]:
            conditions = own()
            conditions["permission"] = [
                {
                    "action": "odrl:use",
                    "constraint": [constraint("hz:participant", "eq", f"did:web:{stem}{n}.example")],
                }
                for n in range(12)
            ]
            return conditions

        with pytest.raises(TooLarge) as caught:
            inherit([source("One", many("a")), source("Other", many("b"))])
        assert "alternatives" in caught.value.detail
        assert caught.value.remedy

    def test_a_policy_that_cannot_be_read_is_an_error(self) -> None:
        with pytest.raises(InvalidInput):
            inherit([source("Broken", {"@id": "urn:uuid:1", "permission": [{}]})])


class TestLicences:
    @pytest.mark.parametrize(
        ("names", "outcome"),
        [
            (["CC0", "ODbL"], "ODbL-1.0"),
            (["PDDL", "CC-BY-SA-4.0"], "CC-BY-SA-4.0"),
            (["CC-BY-4.0", "CC-BY-SA-4.0"], "CC-BY-SA-4.0"),
            (["CC-BY-SA-3.0", "CC-BY-SA-4.0"], "CC-BY-SA-4.0"),
            (["CC-BY-4.0", "ODC-BY"], None),
            (["dl-de/by-2-0", "licence ouverte"], None),
            (["CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"], "CC-BY-NC-SA-4.0"),
            (["CC-BY-SA-1.0"], "CC-BY-SA-1.0"),
        ],
    )
    def test_what_goes_together(self, names: list[str], outcome: str | None) -> None:
        bound = inherit([source(name, licence=name) for name in names])
        assert bound.publishable
        assert bound.licence == outcome
        assert admits(bound, fitting(bound), licence=outcome) == ()

    @pytest.mark.parametrize(
        ("names", "code"),
        [
            (["ODbL", "CC-BY-NC-4.0"], "share-alike"),
            (["ODbL", "CC-BY-4.0"], "share-alike"),
            (["ODbL", "dl-de/by-2-0"], "share-alike"),
            (["ODbL", "CC-BY-SA-4.0"], "two-share-alike"),
            (["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"], "two-share-alike"),
            (["CC-BY-SA-1.0", "CC-BY-SA-4.0"], "two-share-alike"),
            (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], "share-alike"),
        ],
    )
    def test_what_does_not(self, names: list[str], code: str) -> None:
        bound = inherit([source(name, licence=name) for name in names])
        assert [problem.code for problem in bound.problems] == [code]
        assert {origin.input for origin in bound.problems[0].origins} == {source(name).iri for name in names}

    def test_share_alike_admits_no_conditions_beside_it(self) -> None:
        bound = inherit([source("Map", licence="ODbL"), COUNTS])
        (problem,) = bound.problems
        assert "“Traffic counts”: Only until 31 December 2027" in problem.text["en"]
        map_alone = inherit([source("Map", licence="ODbL")])
        restricted = fitting(map_alone)
        restricted["permission"][0]["constraint"] = [constraint("odrl:purpose", "eq", "dpv:PublicBenefit")]
        assert [one.code for one in admits(map_alone, restricted, licence="ODbL")] == ["alike"]
        assert [one.code for one in admits(map_alone, fitting(map_alone), licence="CC-BY-4.0")] == ["alike"]

    def test_not_for_commerce_stays_so(self) -> None:
        bound = inherit([source("Photos", licence="CC-BY-NC-4.0"), NETWORK])
        (breach,) = admits(bound, offer("open"), licence="CC-BY-4.0")
        assert (breach.title, breach.rule) == ("Photos", "licence")
        assert "commercially" in breach.remedy["en"]
        assert admits(bound, offer("open"), licence="CC-BY-NC-4.0") == ()

    def test_a_licence_nobody_knows_is_no_licence_for_a_result(self) -> None:
        (breach,) = admits(inherit([]), offer("open"), licence="https://x.example/ours")
        assert breach.code == "unknown-licence"
        assert breach.input == ""

    def test_names_and_addresses(self) -> None:
        for name in (
            "CC-BY-4.0",
            "https://creativecommons.org/licenses/by/4.0/",
            "http://publications.europa.eu/resource/authority/licence/CC_BY_4_0",
        ):
            known = licence(name)
            assert known is not None
            assert known.code == "CC-BY-4.0"
        assert licence("EUPL-1.2") is None, "a licence of software says nothing about data"


class TestDetails:
    @pytest.mark.parametrize(
        ("period", "other", "expected"),
        [
            ("P30D", "P7D", {"P7D"}),
            ("P30D", "P1M", {"P30D", "P1M"}),
            ("P1Y", "P1M", {"P1M"}),
            ("P2W", "P13D", {"P13D"}),
        ],
    )
    def test_the_shorter_term_counts_and_what_cannot_be_compared_stays(
        self, period: str, other: str, expected: set[str]
    ) -> None:
        bound = inherit(
            [
                source("One", own(obligation=deleted_within(period))),
                source("Other", own(obligation=deleted_within(other))),
            ]
        )
        made = parse(fitting(bound))
        spans = {value.text for duty in made.obligations for value in duty.constraints[0].right_operand}  # type: ignore[union-attr]
        assert spans == expected
        assert admits(bound, fitting(bound)) == ()

    def test_who_is_to_be_named_is_the_provider_of_the_input(self) -> None:
        given = own(obligation=[{"action": "odrl:attribute"}], assigner=GENT)
        bound = inherit([source("Counts", given)])
        made = fitting(bound)
        assert made["obligation"] == [{"action": "odrl:attribute", "odrl:attributedParty": GENT}]
        (breach,) = admits(bound, own(obligation=[{"action": "odrl:attribute"}]))
        assert GENT in breach.text["en"]

    def test_consent_to_a_use_is_asked_for_again_with_the_result(self) -> None:
        bound = inherit([source("Counts", {"template": "members-ask"})])
        assert [duty.action for duty in parse(fitting(bound)).permissions[0].duties] != []
        (breach,) = admits(bound, offer("members"))
        assert breach.rule == "permission[0].duty[0]"

    def test_what_is_freer_within_a_narrower_action_is_not_freed_by_the_wider_one(self) -> None:
        """Where permissions win, one with conditions wins over the prohibition, and one without does not: giving the
        data away then needs what using them does not. An offer cannot say that, so it forbids giving away."""
        enough = constraint("hz:minimumCellSize", "gteq", {"@value": "10", "@type": "xsd:integer"})
        policy = own(enough, prohibition=[{"action": "odrl:distribute"}], **{"odrl:conflict": "odrl:perm"})
        policy["permission"].append({"action": "odrl:execute"})
        bound = inherit([source("Counts", policy), NETWORK])
        just_fits = fitting(bound)
        assert [rule["action"] for rule in just_fits["prohibition"]] == ["odrl:distribute"]
        assert admits(bound, just_fits) == ()
        assert "permission[0].constraint[0]" in {breach.rule for breach in admits(bound, own())}

    def test_a_prohibition_for_some_cases_is_repeated(self) -> None:
        marketing = [{"action": "odrl:use", "constraint": [constraint("odrl:purpose", "eq", "dpv:Marketing")]}]
        bound = inherit([source("Counts", own(prohibition=marketing))])
        assert admits(bound, own(prohibition=marketing)) == ()
        (breach,) = admits(bound, own())
        assert breach.rule == "prohibition[0]"
        assert admits(bound, own(prohibition=[{"action": "odrl:use"}])) == ()

    def test_an_offer_with_a_term_that_is_not_understood_is_told_so(self) -> None:
        (breach,) = admits(inherit([NETWORK]), own(obligation=[{"action": "odrl:sneeze"}]), licence="CC-BY-4.0")
        assert (breach.input, breach.code) == ("", "not-understood")

    def test_offering_less_than_is_allowed_is_the_publishers_choice(self) -> None:
        bound = inherit([NETWORK])
        assert admits(bound, offer("members"), licence="CC-BY-4.0") == ()
        assert admits(bound, own(action="odrl:read"), licence="CC-BY-4.0") == ()
