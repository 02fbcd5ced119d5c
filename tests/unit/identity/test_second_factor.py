"""Codes of an authenticator app: the vectors of RFC 6238 and RFC 4226, and what a code opens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from node.base.errors import Conflict, NotAllowed, NotFound, TooMany, Unauthenticated
from node.identity.accounts import totp
from node.identity.accounts.accounts import Accounts
from node.identity.accounts.hashes import token_hash
from node.identity.accounts.secondfactor import SecondFactor, SecondFactorNeeded
from node.identity.accounts.sign_in import SignIn
from node.identity.identification import IdentifyPerson
from node.identity.model import BINDING_ROLES, Need, UserRole
from tests.fakes.keys import MemoryKeyRing
from tests.fakes.people import person
from tests.simulator.peer_documents import HandClock
from tests.stores import Stores, memory_stores

DID = "did:web:me.example"
PASSWORD = "correct horse battery"
SECRET = b"12345678901234567890"


class TestCodes:
    @pytest.mark.parametrize(
        ("seconds", "code"),
        [
            (59, "94287082"),
            (1111111109, "07081804"),
            (1111111111, "14050471"),
            (1234567890, "89005924"),
            (2000000000, "69279037"),
            (20000000000, "65353130"),
        ],
    )
    def test_the_vectors_of_rfc_6238(self, seconds: int, code: str) -> None:
        """Appendix B, SHA-1."""
        step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
        assert totp.code_at(SECRET, step, digits=8) == code

    def test_the_vectors_of_rfc_4226(self) -> None:
        """Appendix D."""
        codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
        assert [totp.code_at(SECRET, count) for count in range(10)] == codes

    def test_one_step_before_and_after_count(self) -> None:
        now = datetime(2026, 11, 20, 9, 30, 10, tzinfo=UTC)
        present = totp.step_at(now)
        for away in range(-3, 4):
            found = totp.matching_step(SECRET, totp.code_at(SECRET, present + away), now)
            assert found == (present + away if abs(away) <= 1 else None), away

    def test_the_address_for_apps(self) -> None:
        assert totp.address(SECRET, issuer="Stad: Gent", login="els@gent") == (
            "otpauth://totp/Stad%20%20Gent:els%40gent?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
            "&issuer=Stad%20%20Gent&algorithm=SHA1&digits=6&period=30"
        )


class House:
    def __init__(self, stores: Stores | None = None, *, required: bool = False) -> None:
        stores = stores or memory_stores()
        self.uow, self.store, self.clock = stores.uow, stores.identity, HandClock()
        self.factor = SecondFactor(self.uow, self.store, MemoryKeyRing(DID), self.clock, issuer="Gent")
        self.accounts = Accounts(self.uow, self.store, self.clock)
        self.sign_in = SignIn(self.uow, self.store, self.clock, second_factor=self.factor)
        self.identify = IdentifyPerson(self.uow, self.store, self.clock, DID, required=required)
        self.accounts.add_locally("ann", "Ann", {UserRole.SIGNATORY, UserRole.AUDITOR}, PASSWORD)

    def code(self, *, away: int = 0) -> str:
        """What Ann's app shows, so many steps from now."""
        with self.uow.read() as tx:
            secret = self.factor._secret(tx, "ann")
        assert secret is not None
        return totp.code_at(secret, totp.step_at(self.clock.now()) + away)

    async def enrol(self) -> list[str]:
        self.factor.begin("ann")
        codes = await self.factor.confirm("ann", self.code())
        self.clock.forward(60)
        return codes

    async def pending(self) -> str:
        with pytest.raises(SecondFactorNeeded) as needed:
            await self.sign_in.sign_in("ann", PASSWORD)
        return needed.value.pending


class TestSignIn:
    async def test_with_password_and_code_on_every_database(self, stores: Stores) -> None:
        house = House(stores)
        codes = await house.enrol()
        assert len(codes) == len(set(codes)) == 10
        pending = await house.pending()
        with pytest.raises(Unauthenticated):
            await house.identify.by_session(pending)
        session = await house.sign_in.complete(pending, house.code())
        caller = await house.identify.by_session(session)
        assert caller.may(UserRole.SIGNATORY)
        assert caller.needs == ()
        with pytest.raises(Unauthenticated):
            await house.sign_in.complete(pending, house.code(away=1))

    async def test_a_code_opens_once(self) -> None:
        house = House()
        await house.enrol()
        code = house.code()
        await house.sign_in.complete(await house.pending(), code)
        for again in (code, house.code(away=-1)):
            with pytest.raises(NotAllowed):
                await house.sign_in.complete(await house.pending(), again)
        await house.sign_in.complete(await house.pending(), house.code(away=1))

    async def test_of_several_at_once_one_does(self, database_stores: Stores) -> None:
        house = House(database_stores)
        await house.enrol()
        code = house.code()
        found = await asyncio.gather(*(house.factor.verify("ann", code) for _ in range(4)), return_exceptions=True)
        assert sum(one is None for one in found) == 1

    async def test_the_code_that_confirmed_does_not_sign_in(self) -> None:
        house = House()
        house.factor.begin("ann")
        code = house.code()
        await house.factor.confirm("ann", code)
        with pytest.raises(NotAllowed):
            await house.sign_in.complete(await house.pending(), code)

    async def test_a_recovery_code_opens_once_however_it_is_typed(self) -> None:
        house = House()
        first, second, *_ = await house.enrol()
        await house.sign_in.complete(await house.pending(), first.lower().replace("-", " "))
        assert house.factor.codes_left("ann") == 9
        with pytest.raises(NotAllowed):
            await house.sign_in.complete(await house.pending(), first)
        await house.sign_in.complete(await house.pending(), second)

    async def test_guessing_is_slowed_down(self) -> None:
        house = House()
        await house.enrol()
        wrong = "000000" if house.code() != "000000" else "000001"
        for _ in range(5):
            with pytest.raises(NotAllowed):
                await house.factor.verify("ann", wrong)
        with pytest.raises(TooMany):
            await house.factor.verify("ann", house.code())
        # A right password in between does not give new guesses.
        pending = await house.pending()
        with pytest.raises(TooMany):
            await house.sign_in.complete(pending, house.code())

    async def test_a_sign_in_waits_five_minutes(self) -> None:
        house = House()
        await house.enrol()
        pending = await house.pending()
        house.clock.forward(301)
        with pytest.raises(Unauthenticated):
            await house.sign_in.complete(pending, house.code())

    async def test_nothing_secret_is_stored(self) -> None:
        house = House()
        enrolment = house.factor.begin("ann")
        codes = await house.factor.confirm("ann", house.code())
        with house.uow.read() as tx:
            everything = repr({name: tx.rows(name) for name in ("accounts", "second_factors", "recovery_codes")})
        assert enrolment.secret not in everything
        assert not any(code in everything or code.replace("-", "") in everything for code in codes)


class TestRoles:
    async def test_what_was_opened_without_it_binds_nothing(self) -> None:
        house = House()
        before = house.accounts.issue_token("ann", "laptop", timedelta(days=1))
        await house.enrol()
        caller = await house.identify.by_token(before)
        assert (caller.roles, caller.withheld) == ({UserRole.AUDITOR}, {UserRole.SIGNATORY})
        assert caller.needs == (Need.CODE,)
        with pytest.raises(SecondFactorNeeded):
            await house.sign_in.confirm_both("ann", PASSWORD, "")
        assert await house.sign_in.confirm_both("ann", PASSWORD, house.code()) is True
        after = house.accounts.make_token("ann", "laptop", 1, second_factor=True)
        assert (await house.identify.by_token(after)).may(UserRole.SIGNATORY)

    async def test_the_session_in_which_it_was_set_up_goes_on(self) -> None:
        house = House()
        _, session = await house.sign_in.sign_in("ann", PASSWORD)
        house.factor.begin("ann")
        await house.factor.confirm("ann", house.code(), session=token_hash(session))
        assert (await house.identify.by_session(session)).needs == ()

    @pytest.mark.parametrize("required", [False, True])
    async def test_where_it_is_required_roles_wait_for_it(self, required: bool) -> None:
        house = House(required=required)
        house.accounts.add_locally("aud", "Auditor", {UserRole.AUDITOR}, PASSWORD)
        _, session = await house.sign_in.sign_in("ann", PASSWORD)
        caller = await house.identify.by_session(session)
        assert caller.needs == ((Need.SECOND_FACTOR,) if required else ())
        assert caller.roles.isdisjoint(BINDING_ROLES) is required
        _, reader = await house.sign_in.sign_in("aud", PASSWORD)
        assert (await house.identify.by_session(reader)).needs == ()

    async def test_somebody_else_takes_it_away(self) -> None:
        house = House()
        await house.enrol()
        session = await house.sign_in.complete(await house.pending(), house.code())
        house.factor.remove("ann", by=person("operator"))
        with pytest.raises(Unauthenticated):
            await house.identify.by_session(session)
        _, again = await house.sign_in.sign_in("ann", PASSWORD)
        caller = await house.identify.by_session(again)
        assert (caller.needs, caller.reset_what) == ((Need.OWN_PASSWORD,), "second-factor")
        refusal = caller.unready(UserRole.SIGNATORY)
        assert refusal is not None
        assert "operator removed the second factor" in refusal.detail

    async def test_it_is_set_up_once(self) -> None:
        house = House()
        with pytest.raises(NotFound):
            await house.factor.confirm("ann", "123456")
        await house.enrol()
        with pytest.raises(Conflict):
            house.factor.begin("ann")
        with pytest.raises(NotFound):
            house.factor.pending("ann")
        house.factor.remove_own("ann")
        with pytest.raises(NotFound):
            house.factor.remove_own("ann")
        assert house.factor.codes_left("ann") == 0
