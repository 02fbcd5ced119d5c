"""Accounts, sign-in, tokens, sessions."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from statistics import median

import pytest

from node.base.errors import Conflict, InvalidInput, NotFound, TooMany, Unauthenticated
from node.identity.accounts.accounts import Accounts
from node.identity.accounts.hashes import hash_password, password_fits, token_hash
from node.identity.accounts.sign_in import SignIn
from node.identity.accounts.throttle import Throttle
from node.identity.identification import IdentifyPerson
from node.identity.model import UserRole
from tests.fakes.people import person
from tests.simulator.peer_documents import HandClock
from tests.stores import Stores, memory_stores

DID = "did:web:me.example"
PASSWORD = "correct horse battery"


class House:
    def __init__(self, stores: Stores | None = None) -> None:
        stores = stores or memory_stores()
        self.uow, self.store, self.clock = stores.uow, stores.identity, HandClock()
        self.accounts = Accounts(self.uow, self.store, self.clock)
        self.sign_in = SignIn(self.uow, self.store, self.clock)
        self.identify = IdentifyPerson(self.uow, self.store, self.clock, DID)
        self.accounts.add_locally("ann", "Ann", {UserRole.STEWARD, UserRole.OPERATOR}, PASSWORD)


class TestAccounts:
    async def test_a_person_on_every_database(self, stores: Stores) -> None:
        house = House(stores)
        token = house.accounts.issue_token("ann", "laptop", timedelta(days=1))
        caller = await house.identify.by_token(token)
        assert (caller.did, caller.account, caller.is_person) == (DID, "ann", True)
        assert caller.roles == {UserRole.STEWARD, UserRole.OPERATOR}
        account, session = await house.sign_in.sign_in("ann", PASSWORD)
        assert (account.name, (await house.identify.by_session(session)).account) == ("Ann", "ann")
        assert [one.login for one in house.accounts.all(person("operator", UserRole.OPERATOR))] == ["ann"]

    def test_nothing_secret_is_stored(self) -> None:
        house = House()
        token = house.accounts.issue_token("ann", "laptop", timedelta(days=1))
        with house.uow.read() as tx:
            everything = repr({name: tx.rows(name) for name in ("accounts", "tokens")})
        assert PASSWORD not in everything
        assert token not in everything
        assert token_hash(token) in everything
        assert "$argon2id$" in everything

    @pytest.mark.parametrize("login", ["", "Ann", "a b", "-a", "a" * 65, "é", "a\n", "../x"])
    def test_unfit_logins(self, login: str) -> None:
        with pytest.raises(InvalidInput):
            House().accounts.add_locally(login, "x", set(), PASSWORD)

    @pytest.mark.parametrize("password", ["", "short", "x" * 257])
    def test_unfit_passwords(self, password: str) -> None:
        house = House()
        with pytest.raises(InvalidInput):
            house.accounts.add_locally("bob", "Bob", set(), password)
        with pytest.raises(InvalidInput):
            house.accounts.set_password("ann", password, by=person("ann"))

    def test_known_and_unknown_logins(self) -> None:
        house = House()
        with pytest.raises(Conflict):
            house.accounts.add_locally("ann", "Ann", set(), PASSWORD)
        with pytest.raises(NotFound):
            house.accounts.set_password("bob", PASSWORD, by=person("bob"))
        with pytest.raises(NotFound):
            house.accounts.issue_token("bob", "x", timedelta(days=1))


class TestTokens:
    async def test_they_end(self) -> None:
        house = House()
        token = house.accounts.issue_token("ann", "laptop", timedelta(hours=1))
        house.clock.forward(3600)
        with pytest.raises(Unauthenticated):
            await house.identify.by_token(token)

    async def test_dropped_ones_end_at_once(self) -> None:
        house = House()
        token = house.accounts.issue_token("ann", "laptop", timedelta(hours=1))
        house.accounts.drop_token(token)
        with pytest.raises(Unauthenticated):
            await house.identify.by_token(token)
        _, session = await house.sign_in.sign_in("ann", PASSWORD)
        await house.sign_in.sign_out(session)
        with pytest.raises(Unauthenticated):
            await house.identify.by_session(session)

    async def test_a_new_password_ends_the_sessions_of_the_old_one(self) -> None:
        house = House()
        _, session = await house.sign_in.sign_in("ann", PASSWORD)
        house.accounts.set_password("ann", "another horse battery", by=person("ann"))
        with pytest.raises(Unauthenticated):
            await house.identify.by_session(session)
        with pytest.raises(Unauthenticated):
            await house.sign_in.sign_in("ann", PASSWORD)
        _, session = await house.sign_in.sign_in("ann", "another horse battery")
        await house.identify.by_session(session)

    async def test_a_session_is_no_api_token_nor_the_other_way_round(self) -> None:
        house = House()
        token = house.accounts.issue_token("ann", "laptop", timedelta(hours=1))
        _, session = await house.sign_in.sign_in("ann", PASSWORD)
        assert token.startswith("hansa_")
        with pytest.raises(Unauthenticated):
            await house.identify.by_session(token)
        with pytest.raises(Unauthenticated):
            await house.identify.by_token(session)

    @pytest.mark.parametrize("token", ["", "x", "hansa_" + "A" * 43, "x" * 300, "\ud800", "' OR 1=1 --"])
    async def test_made_up_ones(self, token: str) -> None:
        with pytest.raises(Unauthenticated):
            await House().identify.by_token(token)

    async def test_each_sign_in_has_a_session_of_its_own(self) -> None:
        house = House()
        sessions = {(await house.sign_in.sign_in("ann", PASSWORD))[1] for _ in range(3)}
        assert len(sessions) == 3


class TestSignIn:
    @pytest.mark.parametrize(
        ("login", "password"),
        [("ann", "wrong horse battery"), ("ann", ""), ("bob", PASSWORD), ("Ann", PASSWORD), ("", "")],
    )
    async def test_one_sentence_for_everything_that_is_wrong(self, login: str, password: str) -> None:
        with pytest.raises(Unauthenticated) as caught:
            await House().sign_in.sign_in(login, password)
        assert caught.value.detail == "login or password is wrong"

    async def test_an_unknown_login_takes_as_long_as_a_wrong_password(self) -> None:
        house = House()
        house.sign_in._throttle = Throttle(house.clock, free=1000)
        times: dict[str, list[float]] = {"ann": [], "bob": [], "not a login": []}
        for _ in range(7):
            for login, durations in times.items():
                start = time.process_time()
                with pytest.raises(Unauthenticated):
                    await house.sign_in.sign_in(login, "wrong horse battery")
                durations.append(time.process_time() - start)
        medians = [median(taken) for taken in times.values()]
        assert max(medians) < 2 * min(medians)

    async def test_guessing_is_slowed_down(self) -> None:
        house = House()
        for _ in range(5):
            with pytest.raises(Unauthenticated):
                await house.sign_in.sign_in("ann", "wrong horse battery")
        with pytest.raises(TooMany) as caught:
            await house.sign_in.sign_in("ann", PASSWORD)
        assert caught.value.facts["retryAfter"] >= 1
        house.clock.forward(3)
        await house.sign_in.sign_in("ann", PASSWORD)
        await house.sign_in.sign_in("ann", PASSWORD)

    async def test_many_at_once_gain_nothing(self) -> None:
        house = House()
        guesses = [house.sign_in.sign_in("ann", f"wrong horse {n:05}") for n in range(20)]
        results = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(result, Unauthenticated) for result in results) == 5
        assert sum(isinstance(result, TooMany) for result in results) == 15

    async def test_many_logins_from_one_address(self) -> None:
        house = House()
        for n in range(20):
            with pytest.raises(Unauthenticated):
                await house.sign_in.sign_in(f"user{n}", PASSWORD, origin="192.0.2.1")
        with pytest.raises(TooMany):
            await house.sign_in.sign_in("ann", PASSWORD, origin="192.0.2.1")
        await house.sign_in.sign_in("ann", PASSWORD, origin="192.0.2.2")

    async def test_a_guesser_locks_nobody_out(self) -> None:
        house = House()
        for _ in range(5):
            with pytest.raises(Unauthenticated):
                await house.sign_in.sign_in("ann", "wrong horse battery", origin="2001:db8::1")
        for address in ("2001:db8::1", "2001:db8::ffff"):  # one network, one guesser
            with pytest.raises(TooMany):
                await house.sign_in.sign_in("ann", PASSWORD, origin=address)
        await house.sign_in.sign_in("ann", PASSWORD, origin="192.0.2.1")

    def test_a_guesser_with_many_addresses_is_slow(self) -> None:
        clock = HandClock()
        throttle, guesses = Throttle(clock), 0
        for second in range(3600):
            clock.forward(1)
            with suppress(TooMany):
                throttle.attempt([f"login ann {second}", f"from {second}", "all ann"])
                guesses += 1
        assert guesses < 120
        clock.forward(61)
        throttle.attempt(["login ann home", "from home", "all ann"])

    def test_the_pause_doubles_up_to_a_bound_and_memory_has_one(self) -> None:
        clock = HandClock()
        throttle = Throttle(clock, free=1, keys=3)
        pauses = []
        for _ in range(12):
            throttle.attempt(["login ann"])
            with pytest.raises(TooMany) as caught:
                throttle.attempt(["login ann"])
            pauses.append(caught.value.facts["retryAfter"])
            clock.forward(caught.value.facts["retryAfter"])
        assert pauses[:4] == [3, 5, 9, 17]
        assert max(pauses) == 901
        for n in range(10):
            throttle.attempt([f"login {n}"])
        assert len(throttle._failures) == 3


class TestPasswords:
    def test_hashes_are_salted_and_fit_their_password_only(self) -> None:
        first, second = hash_password(PASSWORD), hash_password(PASSWORD)
        assert first != second
        assert password_fits(first, PASSWORD)
        assert not password_fits(first, PASSWORD + "x")

    @pytest.mark.parametrize("damaged", ["", "x", "$argon2id$v=19$", "$2b$12$abcdefghijklmnopqrstuv"])
    def test_a_damaged_hash_fits_nothing(self, damaged: str) -> None:
        assert not password_fits(damaged, PASSWORD)
