"""Who may not read the answer opens nothing at the provider."""

from __future__ import annotations

from typing import Any, cast

import pytest

from node.base.errors import NotAllowed
from node.identity.model import Caller, UserRole
from node.semantics.profiles.table_queries_client import TableQuestion
from node.transfer.queries.requests import AskPartner


class Opened(Exception):
    """A transfer would be opened."""


class World:
    """Requests that anybody may make, and openings that say so."""

    def require_role(self, by: Caller) -> None:
        assert by.account

    async def open(self, *_: Any, **__: Any) -> Any:
        raise Opened


@pytest.mark.parametrize(
    ("role", "error"), [(UserRole.SIGNATORY, NotAllowed), (UserRole.PUBLISHER, Opened), (UserRole.STEWARD, Opened)]
)
async def test_a_question_opens_a_transfer_only_for_those_who_may_read_the_answer(
    role: UserRole, error: type[Exception]
) -> None:
    world = cast("Any", World())
    ask = AskPartner(world, overview=world, requests=world, access=world, send=world, uses=world, openings=world)
    by = Caller(did="did:web:bruges.example", account="otto", roles=frozenset({role}))
    with pytest.raises(error):
        await ask("urn:uuid:a", TableQuestion(sql="SELECT 1", form="csv"), by)
