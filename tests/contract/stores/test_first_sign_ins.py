"""Sign-ins with an identity provider, when a person is new and comes twice at the same moment."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from node.base.clock import SystemClock
from node.base.work import Transaction
from node.identity.accounts.provider_sign_in import ProviderSignIn, SignInByProvider
from node.identity.accounts.providers import Attempt, EndOfSession, IdentityProvider, Proof
from node.identity.model import Account, Browser, UserRole
from tests.fakes.keys import MemoryKeyRing
from tests.stores import Stores

CITY = IdentityProvider(
    id="city",
    name="City",
    issuer="https://id.example",
    client_id="hansa",
    client_secret="s",
    roles={"stewards": frozenset({UserRole.STEWARD})},
)


class Provider:
    """Proves Anna."""

    async def sign_in_address(self, provider: IdentityProvider, attempt: Attempt, back: str) -> str:
        return f"{provider.issuer}/?state={attempt.state}"

    async def proof(self, provider: IdentityProvider, attempt: Attempt, code: str, back: str) -> Proof:
        return Proof(subject="1", login="anna", name="Anna", groups=("stewards",))

    async def end_of_session(self, provider: IdentityProvider, token: str) -> EndOfSession:
        raise AssertionError("nobody signs out")

    async def sign_out_address(self, provider: IdentityProvider, id_token: str, back: str) -> str:
        return ""


class Simultaneous:
    """Store in which both sign-ins look for the account before either adds it, unless the database has them wait."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._both = threading.Barrier(2)
        self._looked = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def account_of_subject(self, tx: Transaction, issuer: str, subject: str) -> Account | None:
        account: Account | None = self._store.account_of_subject(tx, issuer, subject)
        if not getattr(self._looked, "once", False):
            self._looked.once = True
            with suppress(threading.BrokenBarrierError):
                self._both.wait(0.5)
        return account


async def test_a_new_person_who_comes_twice_at_once_gets_one_account(database_stores: Stores) -> None:
    stores = database_stores
    operator = Account(
        id="urn:uuid:1", login="olga", name="Olga", roles=frozenset({UserRole.OPERATOR}), created=SystemClock().now()
    )
    with stores.uow.begin() as tx:
        stores.identity.add_account(tx, operator, "hash")
    people = SignInByProvider(
        stores.uow,
        Simultaneous(stores.identity),
        MemoryKeyRing("did:web:a"),
        SystemClock(),
        Provider(),
        (CITY,),
        base="https://data.ghent.example",
        append=None,
    )

    async def sign_in() -> ProviderSignIn:
        address, pending = await people.begin("city", "/")
        state = parse_qs(urlsplit(address).query)["state"][0]
        return await people.complete("city", state=state, code="c", issuer="", pending=pending, browser=Browser())

    done = await asyncio.gather(sign_in(), sign_in())
    assert len({answer.session for answer in done}) == 2
    with stores.uow.read() as tx:
        assert [account.login for account in stores.identity.accounts(tx)] == ["anna@city", "olga"]
