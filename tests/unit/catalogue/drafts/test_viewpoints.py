"""Who would see a record, and who could get its data, before it is published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.catalogue.access import Access
from node.catalogue.drafts.viewpoints import Viewpoints
from node.catalogue.visibility import Visibility
from node.policy.visible import AudienceRule
from tests.fakes.portal.content import GENT, REGION, offer_of
from tests.fakes.portal.node import COUNTS, FakeNode, StillClock, _situation

RULE = AudienceRule(name="members", credential_type="MembershipCredential", issuers=(REGION,))


def viewpoints(region: str | None = REGION) -> Viewpoints:
    return Viewpoints(
        visibility=Visibility([RULE], GENT),
        access=Access(clock=StillClock(), situation=_situation),
        region=lambda: region,
        clock=StillClock(),
    )


@pytest.mark.parametrize(
    ("audience", "offer", "outcomes"),
    [
        ("public", "open", {"visitor": (True, True), "member": (True, True), "organisation": (True, True)}),
        ("public", "members", {"visitor": (True, False), "member": (True, True), "organisation": (True, False)}),
        ("members", "members", {"visitor": (False, False), "member": (True, True), "organisation": (False, False)}),
        ("internal", None, {"visitor": (False, None), "member": (False, None), "organisation": (False, None)}),
    ],
)
def test_each_reader_as_the_catalogue_and_the_policy_judge(audience: str, offer: Any, outcomes: Any) -> None:
    known = FakeNode().records[COUNTS][0]
    record = replace(known, audience=audience, offer=offer and offer_of(COUNTS, offer))
    judged = {
        one.reader: (one.sees, None if one.decision is None else one.decision.permits)
        for one in viewpoints().of(record)
    }
    assert judged == outcomes


def test_without_a_region_there_are_no_members() -> None:
    record = FakeNode().records[COUNTS][0]
    assert [one.reader for one in viewpoints(None).of(record)] == ["visitor", "organisation"]
