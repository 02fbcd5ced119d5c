"""Copies of received data at data sources: who sees them, and who is offered to state that one was deleted."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from node.identity.model import Caller, UserRole
from node.transfer.deletion.model import Due
from tests.fakes.portal.content import GENT
from tests.fakes.portal.node import NOW, FakeNode
from tests.fakes.portal.shipments import AGREEMENT, shipments
from tests.unit.portal.conftest import browser


def caller(role: UserRole) -> Caller:
    return Caller(did=GENT, account="otto", roles=frozenset({role}))


def read(node: FakeNode, role: UserRole, path: str) -> str:
    node.sessions["otto-session"] = caller(role)
    with browser(node) as otto:
        otto.cookies.set("hansa_session", "otto-session")
        answer = otto.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("role", "is_shown"), [(UserRole.SIGNATORY, True), (UserRole.PUBLISHER, True), (UserRole.AUDITOR, False)]
)
def test_copies_are_for_those_who_may_receive(role: UserRole, is_shown: bool) -> None:
    assert bool(shipments(NOW).copies(AGREEMENT, caller(role))) is is_shown


@pytest.mark.parametrize(("role", "is_shown"), [(UserRole.STEWARD, True), (UserRole.AUDITOR, False)])
def test_the_page_of_an_agreement_names_them_to_nobody_else(node: FakeNode, role: UserRole, is_shown: bool) -> None:
    place = next(index for index, view in enumerate(node.contracts) if view.agreement.id == AGREEMENT)
    view = node.contracts[place]
    due = Due(
        agreement=AGREEMENT,
        dataset=view.agreement.dataset,
        peer=view.agreement.provider,
        role="consumer",
        within="",
        received=NOW,
        due=None,
        overdue=False,
        confirmation=None,
    )
    node.contracts[place] = replace(view, deletion=due)
    page = read(node, role, f"/agreements/{quote(AGREEMENT, safe='')}")
    assert 'id="deletion"' in page
    assert ("city-files" in page) is is_shown


@pytest.mark.parametrize(("role", "is_shown"), [(UserRole.STEWARD, True), (UserRole.PUBLISHER, False)])
def test_the_statement_is_offered_to_those_who_may_make_it(node: FakeNode, role: UserRole, is_shown: bool) -> None:
    assert ("/removed" in read(node, role, "/shipments")) is is_shown
