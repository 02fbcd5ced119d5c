"""The users of the node in memory: real use cases over stores in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from node.identity.accounts.accounts import Accounts
from node.identity.accounts.hashes import hash_password
from node.identity.accounts.invitations import Invitations
from node.identity.accounts.oversight import AccountOversight
from node.identity.accounts.secondfactor import SecondFactor
from node.identity.model import Browser, UserRole
from node.ledger.usecases import LedgerWriter
from node.portal.views.users import Users
from tests.fakes.people import person
from tests.stores import memory_stores

PASSWORD = "a long password of a user"


@cache
def _password_hash() -> str:
    """The hash of ``PASSWORD``, which takes as long to make as all the rest of a node in memory."""
    return hash_password(PASSWORD)


class FixedClock:
    """Always the same moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment


class NoProviders:
    """A node without identity providers."""

    providers = ()

    async def sign_out_address(self, session: str) -> str:
        return ""


def fake_users(moment: datetime) -> Users:
    """Els, who runs the node, a publisher with two sessions and a token, somebody blocked, somebody invited."""
    stores, clock = memory_stores(), FixedClock(moment)
    append = LedgerWriter(stores.ledger, clock)
    accounts = Accounts(stores.uow, stores.identity, clock, append=append)
    oversight = AccountOversight(stores.uow, stores.identity, stores.ledger, clock, append=append)
    links = Invitations(stores.uow, stores.identity, clock, accounts, base="http://127.0.0.1:8101", append=append)
    factor = SecondFactor(stores.uow, stores.identity, cast("Any", None), clock, issuer="Gent", append=append)
    operator = person("els")

    def add(login: str, name: str, roles: set[UserRole]) -> None:
        accounts.add_without_password(login, name, roles, by=person(login))
        with stores.uow.begin() as tx:
            stores.identity.set_password(tx, login, _password_hash())

    add("els", "Els Janssens", set(UserRole))
    add("piet", "Piet De Smet", {UserRole.PUBLISHER})
    add("mia", "Mia Vermeulen", {UserRole.STEWARD, UserRole.SIGNATORY})
    oversight.set_disabled("mia", True, by=operator, reason="has left the city")
    for agent in ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "<b>curl</b>"):
        browser = Browser(address="192.0.2.7", agent=agent)
        accounts.issue_token("piet", "portal", timedelta(hours=3), kind="session", browser=browser)
    accounts.issue_token("piet", "nightly upload", timedelta(days=30), roles={UserRole.PUBLISHER})
    links.invite("an.new", "An Nieuw", {UserRole.AUDITOR}, by=operator)
    return Users(accounts, oversight, links, factor)
