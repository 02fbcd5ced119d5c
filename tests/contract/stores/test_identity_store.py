"""IdentityStore: used token ids, people, the wallet, what an issuer keeps."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict, LocalFault, NotFound
from node.identity.model import (
    ALL_ROLES,
    Account,
    Application,
    ApplicationState,
    Browser,
    Credential,
    IssuedCredential,
    ProviderSession,
    UserRole,
)
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def account(login: str = "anna", **members: Any) -> Account:
    given: dict[str, Any] = {"id": f"urn:{login}", "name": "Anna", "roles": ALL_ROLES, "created": NOW}
    return Account(login=login, **{**given, **members})


def application(name: str = "urn:app", **members: Any) -> Application:
    values: dict[str, Any] = {
        "holder": "did:web:ghent.example",
        "holder_pid": f"{name}-pid",
        "credential_type": "MembershipCredential",
        "accession": {"legalName": "Stad Gent", "rulebook": {"iri": "urn:r", "version": 1}},
        "state": ApplicationState.RECEIVED,
        "at": NOW,
    }
    return Application(id=name, **{**values, **members})


def issued(name: str = "urn:vc", index: int = 5, **members: Any) -> IssuedCredential:
    values: dict[str, Any] = {
        "holder": "did:web:ghent.example",
        "type": "MembershipCredential",
        "jwt": "eyJ…",
        "list_id": 1,
        "at": NOW,
        "valid_until": NOW + timedelta(365),
    }
    return IssuedCredential(id=name, index=index, **{**values, **members})


def credential(name: str = "urn:vc", **members: Any) -> Credential:
    values: dict[str, Any] = {
        "types": ("MembershipCredential",),
        "issuer": "did:web:region.example",
        "subject": "did:web:ghent.example",
        "valid_from": NOW,
        "valid_until": None,
    }
    return Credential(id=name, **{**values, **members})


class TestDropCredentials:
    def test_those_of_one_issuer_are_deleted(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            for name, issuer in (("urn:1", "did:web:a"), ("urn:2", "did:web:b"), ("urn:3", "did:web:a")):
                stores.identity.keep_credential(tx, credential(name, issuer=issuer), NOW)
        with stores.uow.begin() as tx:
            assert stores.identity.drop_credentials(tx, "did:web:a") == 2
            assert stores.identity.drop_credentials(tx, "did:web:a") == 0
        with stores.uow.read() as tx:
            assert [kept.id for kept in stores.identity.credentials(tx)] == ["urn:2"]


class TestUsedTokenIds:
    def test_an_id_is_used_once_for_each_issuer(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            assert stores.identity.use_jti(tx, "did:web:a", "1", NOW) is True
            assert stores.identity.use_jti(tx, "did:web:a", "1", NOW + MINUTE) is False
            assert stores.identity.use_jti(tx, "did:web:b", "1", NOW) is True
            assert stores.identity.use_jti(tx, "did:web:a", "2", NOW) is True

    def test_ids_of_expired_tokens_can_be_forgotten(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            for number in range(3):
                stores.identity.use_jti(tx, "did:web:a", str(number), NOW + number * MINUTE)
            assert stores.identity.forget_jtis(tx, NOW + 2 * MINUTE) == 2
            assert stores.identity.forget_jtis(tx, NOW + 2 * MINUTE) == 0
            assert stores.identity.use_jti(tx, "did:web:a", "2", NOW) is False
            assert stores.identity.use_jti(tx, "did:web:a", "0", NOW) is True

    def test_of_many_threads_one_uses_the_id(self, database_stores: Stores) -> None:
        stores, answers = database_stores, []
        start = threading.Barrier(6)

        def use() -> None:
            start.wait()
            with stores.uow.begin() as tx:
                answers.append(stores.identity.use_jti(tx, "did:web:a", "1", NOW))

        threads = [threading.Thread(target=use) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [False] * 5 + [True]


class TestRequests:
    def test_of_several_that_lock_them_each_sees_what_the_others_did(self, database_stores: Stores) -> None:
        stores, both_looked, seen = database_stores, threading.Barrier(2), list[str]()
        with stores.uow.begin() as tx:
            stores.identity.note_request(
                tx, holder_pid="urn:1", issuer="did:web:a", credential_type="MembershipCredential", at=NOW
            )

        def change(state: str) -> None:
            with stores.uow.begin() as tx:
                (request,) = stores.identity.requests(tx, lock=True)
                # Without the lock both look before either of them writes.
                with suppress(threading.BrokenBarrierError):
                    both_looked.wait(0.5)
                seen.append(request["state"])
                stores.identity.update_request(tx, "urn:1", state=state)

        threads = [threading.Thread(target=change, args=(state,)) for state in ("WITHDRAWN", "ISSUED")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seen) in (["REQUESTED", "WITHDRAWN"], ["ISSUED", "REQUESTED"])


class TestPeople:
    def test_operators_cannot_close_each_others_accounts_at_the_same_moment(self, database_stores: Stores) -> None:
        stores, both_looked = database_stores, threading.Barrier(2)
        with stores.uow.begin() as tx:
            for login in ("anna", "bert"):
                stores.identity.add_account(tx, account(login, roles=frozenset({UserRole.OPERATOR})), "hash")

        def close(other: str) -> None:
            with stores.uow.begin() as tx:
                stores.identity.lock_accounts(tx)
                open_accounts = [one.login for one in stores.identity.accounts(tx) if not one.disabled]
                # Without the lock both look before either of them writes.
                with suppress(threading.BrokenBarrierError):
                    both_looked.wait(0.5)
                if open_accounts != [other]:
                    stores.identity.set_disabled(tx, other, True)

        threads = [threading.Thread(target=close, args=(login,)) for login in ("anna", "bert")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with stores.uow.read() as tx:
            assert sum(not one.disabled for one in stores.identity.accounts(tx)) == 1

    def test_an_account_comes_out_as_it_went_in(self, stores: Stores) -> None:
        bert = account("bert", roles=frozenset({UserRole.AUDITOR}), disabled=True)
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, bert, "$argon2id$b")
            stores.identity.add_account(tx, account(), "$argon2id$a")
        with stores.uow.read() as tx:
            assert stores.identity.account(tx, "anna") == (account(), "$argon2id$a")
            assert stores.identity.account(tx, "bert") == (bert, "$argon2id$b")
            assert stores.identity.account(tx, "Anna") is None
            assert list(stores.identity.accounts(tx)) == [account(), bert]

    def test_a_login_is_given_once(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            with pytest.raises(Conflict):
                stores.identity.add_account(tx, account(id="urn:other"), "b")
            with pytest.raises(Conflict):
                stores.identity.add_account(tx, account("other", id="urn:anna"), "b")
            assert len(stores.identity.accounts(tx)) == 1

    def test_set_password(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            stores.identity.add_account(tx, account("bert"), "a")
            for login, kind in (("anna", "session"), ("anna", "api"), ("bert", "session")):
                stores.identity.add_token(
                    tx, token_sha256=f"{login} {kind}", login=login, kind=kind, label="", expires=NOW + MINUTE
                )
            stores.identity.set_password(tx, "anna", "b")
            assert stores.identity.by_token(tx, "anna session", NOW) is None
            assert stores.identity.by_token(tx, "anna api", NOW) is not None
            assert stores.identity.by_token(tx, "bert session", NOW) is not None
            assert stores.identity.account(tx, "anna") == (account(), "b")
            with pytest.raises(NotFound):
                stores.identity.set_password(tx, "nobody", "b")

    def test_a_reset_stands_until_the_owner_chooses(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            stores.identity.note_reset(tx, "anna", "bert", NOW)
        with stores.uow.begin() as tx:
            row = stores.identity.account(tx, "anna")
            assert row is not None
            assert row[0] == account(reset_by="bert", reset_at=NOW, reset_what="password")
            assert row[0].must_choose
            stores.identity.note_reset(tx, "anna", None, NOW + MINUTE)
            chosen = stores.identity.account(tx, "anna")
            assert chosen is not None
            assert chosen[0] == account(reset_by="bert", reset_at=NOW, reset_what="password", chosen_at=NOW + MINUTE)
            assert not chosen[0].must_choose
            stores.identity.note_reset(tx, "anna", "bert", NOW + MINUTE)
            again = stores.identity.account(tx, "anna")
            assert again is not None
            assert again[0].must_choose

    def test_a_second_factor(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            assert stores.identity.second_factor(tx, "anna") is None
            assert stores.identity.use_step(tx, "anna", 5) is False
            stores.identity.keep_second_factor(tx, "anna", "first")
            stores.identity.keep_second_factor(tx, "anna", "second")
            assert stores.identity.second_factor(tx, "anna") == "second"
            assert [stores.identity.use_step(tx, "anna", step) for step in (5, 5, 4, 6)] == [True, False, False, True]
            stores.identity.confirm_second_factor(tx, "anna", NOW, ["c1", "c2"])
            assert stores.identity.recovery_codes(tx, "anna") == 2
        with stores.uow.begin() as tx:
            found = stores.identity.account(tx, "anna")
            assert found is not None
            assert found[0] == account(second_factor=NOW)
            used = [stores.identity.use_recovery_code(tx, "anna", code) for code in ("c1", "c1", "c3")]
            assert used == [True, False, False]
            assert stores.identity.use_recovery_code(tx, "bert", "c2") is False
            stores.identity.drop_second_factor(tx, "anna")
            assert stores.identity.account(tx, "anna") == (account(), "a")
            assert stores.identity.second_factor(tx, "anna") is None
            assert stores.identity.recovery_codes(tx, "anna") == 0

    def test_tokens_opened_with_a_second_factor(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            for name, kind in (("t1", "api"), ("s1", "session"), ("h1", "half")):
                stores.identity.add_token(
                    tx, token_sha256=name, login="anna", kind=kind, label="", expires=NOW + MINUTE
                )
            stores.identity.mark_token(tx, "t1")
            assert [stores.identity.is_marked(tx, name) for name in ("t1", "s1", "none")] == [True, False, False]
            stores.identity.end_sessions(tx, "anna")
            found = [stores.identity.by_token(tx, name, NOW) is not None for name in ("t1", "s1", "h1")]
            assert found == [True, False, False]

    def test_people_of_identity_providers(self, stores: Stores) -> None:
        anna = account("anna@city", issuer="https://login.example", subject="1")
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, anna, "none")
            with pytest.raises(Conflict):
                stores.identity.add_account(tx, replace(anna, id="urn:2", login="anna-2@city"), "none")
            assert stores.identity.account_of_subject(tx, "https://login.example", "1") == anna
            assert stores.identity.account_of_subject(tx, "https://login.example", "2") is None
            assert stores.identity.account_of_subject(tx, "https://other.example", "1") is None
            for name, session in (("s1", "a"), ("s2", "b"), ("s3", "")):
                stores.identity.add_token(
                    tx, token_sha256=name, login="anna@city", kind="session", label="", expires=NOW + MINUTE
                )
                if session:
                    bound = ProviderSession(provider="city", session=session, proof="p")
                    stores.identity.bind_session(tx, name, bound)
            assert stores.identity.provider_session(tx, "s1") == ProviderSession(
                provider="city", session="a", proof="p"
            )
            assert stores.identity.provider_session(tx, "s3") is None
            ends = [
                stores.identity.end_provider_sessions(tx, "city"),
                stores.identity.end_provider_sessions(tx, "other", session="a"),
                stores.identity.end_provider_sessions(tx, "city", session="a"),
                stores.identity.end_provider_sessions(tx, "city", login="anna@city"),
            ]
            assert ends == [0, 0, 1, 1], "a session that was opened here stays"
            assert stores.identity.by_token(tx, "s3", NOW) is not None
            stores.identity.remove_account(tx, "anna@city", NOW)
            assert stores.identity.account_of_subject(tx, "https://login.example", "1") is None
            assert stores.identity.knows_login(tx, "anna@city")

    def test_sessions_and_links(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            for name, kind in (("s1", "session"), ("l1", "link"), ("l2", "link"), ("t1", "api")):
                roles = {UserRole.AUDITOR} if kind == "api" else None
                stores.identity.add_token(
                    tx,
                    token_sha256=name,
                    login="anna",
                    kind=kind,
                    label=kind,
                    expires=NOW + MINUTE,
                    at=NOW,
                    roles=roles,
                    browser=Browser(address="192.0.2.1", agent="x"),
                )
            stores.identity.note_use(tx, "s1", NOW)
            (session,) = stores.identity.sessions(tx, "anna")
            assert (session.created, session.used, session.address, session.agent) == (NOW, NOW, "192.0.2.1", "x")
            assert stores.identity.label_of(tx, "l1") == "link"
            token = stores.identity.by_token(tx, "t1", NOW)
            assert token is not None
            assert token[0].roles <= {UserRole.AUDITOR}
            stores.identity.drop_links(tx, "anna", but="l2")
            assert [stores.identity.by_token(tx, name, NOW) is None for name in ("l1", "l2")] == [True, False]
            assert [stores.identity.drop_token(tx, "s1") for _ in range(2)] == [True, False]
            assert stores.identity.forget_tokens(tx, NOW) == 0
            assert stores.identity.forget_tokens(tx, NOW + MINUTE) == 2

    def test_all_tokens_of_an_account_end_but_one(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            stores.identity.add_account(tx, account("bert"), "b")
            for name, login, kind in (
                ("t1", "anna", "api"),
                ("t2", "anna", "api"),
                ("s1", "anna", "session"),
                ("t3", "bert", "api"),
            ):
                stores.identity.add_token(
                    tx, token_sha256=name, login=login, kind=kind, label="", expires=NOW + MINUTE
                )
            assert stores.identity.drop_tokens(tx, "anna", but="t2") == 1
            assert stores.identity.by_token(tx, "t1", NOW) is None
            assert all(stores.identity.by_token(tx, name, NOW) for name in ("t2", "s1", "t3"))
            assert stores.identity.drop_tokens(tx, "anna") == 1

    def test_tokens(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            stores.identity.add_account(tx, account("bert", disabled=True), "b")

            def token(name: str, login: str, kind: str = "api") -> None:
                stores.identity.add_token(tx, token_sha256=name, login=login, kind=kind, label="laptop", expires=NOW)

            token("t1", "anna")
            token("t2", "anna", "session")
            token("t3", "bert")
            with pytest.raises(NotFound):
                token("t4", "nobody")
            with pytest.raises(Conflict):
                token("t1", "anna")
        before = NOW - timedelta(microseconds=1)
        with stores.uow.begin() as tx:
            assert stores.identity.by_token(tx, "t1", before) == (account(), "api")
            assert stores.identity.by_token(tx, "t2", before) == (account(), "session")
            assert stores.identity.by_token(tx, "t1", NOW) is None
            assert stores.identity.by_token(tx, "t3", before) is None
            assert stores.identity.by_token(tx, "t4", before) is None
            stores.identity.drop_token(tx, "t1")
            stores.identity.drop_token(tx, "unknown")
            assert stores.identity.by_token(tx, "t1", before) is None


class TestWallet:
    def test_tokens_are_listed_without_sessions(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            stores.identity.add_account(tx, account("bert"), "b")
            for name, login, kind, days in (
                ("t2", "anna", "api", 2),
                ("t1", "anna", "api", 1),
                ("t3", "bert", "api", 3),
                ("s1", "anna", "session", 1),
            ):
                expires = NOW + timedelta(days=days)
                stores.identity.add_token(tx, token_sha256=name, login=login, kind=kind, label=name, expires=expires)
        with stores.uow.read() as tx:
            assert [one.sha256 for one in stores.identity.tokens(tx)] == ["t1", "t2", "t3"]
            assert [one.label for one in stores.identity.tokens(tx, "anna")] == ["t1", "t2"]
            assert stores.identity.tokens(tx, "nobody") == []

    def test_a_disabled_account_loses_its_sessions_and_tokens(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_account(tx, account(), "a")
            for name, kind in (("t1", "api"), ("s1", "session")):
                expires = NOW + timedelta(days=1)
                stores.identity.add_token(tx, token_sha256=name, login="anna", kind=kind, label="", expires=expires)
            stores.identity.set_disabled(tx, "anna", True)
            stores.identity.set_disabled(tx, "anna", False)
        with stores.uow.begin() as tx:
            found = stores.identity.account(tx, "anna")
            assert found is not None
            assert not found[0].disabled
            assert stores.identity.by_token(tx, "t1", NOW) is None
            assert stores.identity.by_token(tx, "s1", NOW) is None
            with pytest.raises(NotFound):
                stores.identity.set_disabled(tx, "nobody", True)

    def test_a_credential_comes_out_as_it_went_in(self, stores: Stores) -> None:
        full = credential(
            types=("A", "B"),
            claims={"legalName": "Stad Gent", "roles": ["city"]},
            valid_until=NOW + MINUTE,
            status={"type": "BitstringStatusListEntry", "statusListIndex": "7"},
            jwt="eyJ…",
        )
        with stores.uow.begin() as tx:
            stores.identity.keep_credential(tx, full, NOW)
            stores.identity.keep_credential(tx, credential("urn:2"), NOW)
        with stores.uow.read() as tx:
            assert list(stores.identity.credentials(tx)) == [full, credential("urn:2")]

    def test_the_same_credential_again_replaces_it(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.keep_credential(tx, credential(), NOW)
            stores.identity.keep_credential(tx, credential(jwt="renewed"), NOW + MINUTE)
            assert list(stores.identity.credentials(tx)) == [credential(jwt="renewed")]

    def test_requests(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:

            def note(name: str) -> None:
                stores.identity.note_request(
                    tx, holder_pid=name, issuer="did:web:r", credential_type="MembershipCredential", at=NOW
                )

            note("p1")
            note("p2")
            with pytest.raises(Conflict):
                note("p1")
            stores.identity.update_request(tx, "p1", state="RECEIVED", issuer_pid="theirs")
            stores.identity.update_request(tx, "p1", state="REJECTED", reason="not a city")
            with pytest.raises(NotFound):
                stores.identity.update_request(tx, "p3", state="ISSUED")
        second = {
            "holder_pid": "p2",
            "issuer": "did:web:r",
            "issuer_pid": None,
            "credential_type": "MembershipCredential",
            "at": NOW,
            "state": "REQUESTED",
            "reason": None,
        }
        first = second | {
            "holder_pid": "p1",
            "issuer_pid": "theirs",
            "state": "REJECTED",
            "reason": "not a city",
        }
        with stores.uow.read() as tx:
            assert list(stores.identity.requests(tx)) == [second, first]


class TestIssuer:
    def test_an_application_comes_out_as_it_went_in(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_application(tx, application())
            stored = stores.identity.application(tx, "urn:app")
            assert stored == application()
            assert stored is not None
            assert type(stored.state) is ApplicationState
            assert stores.identity.application(tx, "urn:unknown") is None
            by_holder = stores.identity.application_by_holder
            assert by_holder(tx, "did:web:ghent.example", "urn:app-pid") == application()
            assert by_holder(tx, "did:web:other", "urn:app-pid") is None

    def test_a_holder_applies_once_with_the_same_id(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.identity.add_application(tx, application())
            with pytest.raises(Conflict):
                stores.identity.add_application(tx, application("urn:other", holder_pid="urn:app-pid"))
            with pytest.raises(Conflict):
                stores.identity.add_application(tx, application(holder_pid="other"))

    def test_decided_applications(self, stores: Stores) -> None:
        decided = replace(
            application(), state=ApplicationState.ISSUED, decided_by="anna", decided_at=NOW, reason="welcome"
        )
        later = application("urn:later", at=NOW + MINUTE)
        with stores.uow.begin() as tx:
            stores.identity.add_application(tx, later)
            stores.identity.add_application(tx, application())
            stores.identity.save_application(tx, decided)
            assert stores.identity.application(tx, "urn:app") == decided
            assert list(stores.identity.applications(tx)) == [later, decided]
            assert list(stores.identity.applications(tx, ApplicationState.RECEIVED)) == [later]
            assert list(stores.identity.applications(tx, ApplicationState.REJECTED)) == []
            assert list(stores.identity.applications(tx, oldest=1)) == [decided]
            assert list(stores.identity.applications(tx, oldest=9)) == [decided, later]
            assert stores.identity.count_applications(tx, ApplicationState.RECEIVED) == 1
            assert stores.identity.count_applications(tx, ApplicationState.REJECTED) == 0
            with pytest.raises(Conflict):
                stores.identity.save_application(tx, replace(decided, state=ApplicationState.REJECTED))
            assert stores.identity.application(tx, "urn:app") == decided
        with pytest.raises(LocalFault), stores.uow.begin() as tx:
            stores.identity.save_application(tx, application("urn:unknown"))

    def test_of_two_people_one_decides_an_application(self, database_stores: Stores) -> None:
        stores, outcomes = database_stores, []
        with stores.uow.begin() as tx:
            stores.identity.add_application(tx, application())
        both_looked = threading.Barrier(2)

        def decide(number: int) -> None:
            try:
                with stores.uow.begin() as tx:
                    stored = stores.identity.application(tx, "urn:app")
                    assert stored is not None
                    with suppress(threading.BrokenBarrierError):
                        both_looked.wait(0.3)  # where writers take turns, the second looks too late to meet the first
                    stores.identity.add_issued(tx, issued(f"urn:{number}", number))
                    stores.identity.save_application(tx, replace(stored, state=ApplicationState.ISSUED))
                outcomes.append("decided")
            except Conflict:
                outcomes.append("too late")

        threads = [threading.Thread(target=decide, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["decided", "too late"]
        with stores.uow.read() as tx:
            assert len(stores.identity.issued_credentials(tx)) == 1

    def test_places_in_the_status_list_tell_nothing_of_the_order(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            places = [stores.identity.next_status_index(tx) for _ in range(40)]
        assert len(set(places)) == 40
        assert {list_id for list_id, _ in places} == {1}
        indexes = [index for _, index in places]
        assert all(0 <= index < 131_072 for index in indexes)
        assert indexes != sorted(indexes)
        assert max(indexes) > 10_000

    def test_issued_credentials(self, stores: Stores) -> None:
        other = issued("urn:2", 6, holder="did:web:other", at=NOW + MINUTE)
        with stores.uow.begin() as tx:
            stores.identity.add_issued(tx, other)
            stores.identity.add_issued(tx, issued())
            with pytest.raises(Conflict):
                stores.identity.add_issued(tx, issued(index=9))
            with pytest.raises(Conflict):
                stores.identity.add_issued(tx, issued("urn:3"))
            stores.identity.add_issued(tx, issued("urn:3", list_id=2))
            assert [found.id for found in stores.identity.issued_credentials(tx)] == ["urn:2", "urn:3", "urn:vc"]
            assert list(stores.identity.issued_credentials(tx, "did:web:other")) == [other]
            assert list(stores.identity.issued_credentials(tx, "did:web:nobody")) == []

    def test_a_revocation_stands(self, stores: Stores) -> None:
        revoked = issued(revoked_at=NOW, revoked_why="left the region")
        with stores.uow.begin() as tx:
            for number in (9, 5, 7):
                stores.identity.add_issued(tx, issued(f"urn:{number}" if number != 5 else "urn:vc", number))
            stores.identity.add_issued(tx, issued("urn:elsewhere", 1, list_id=2))
            assert stores.identity.revoke(tx, "urn:unknown", NOW, "x") is None
            assert stores.identity.revoke(tx, "urn:vc", NOW, "left the region") == revoked
            assert stores.identity.revoke(tx, "urn:vc", NOW + MINUTE, "again") == revoked
            stores.identity.revoke(tx, "urn:9", NOW, "x")
            stores.identity.revoke(tx, "urn:elsewhere", NOW, "x")
            all_issued = stores.identity.issued_credentials(tx)
            assert {one.id for one in all_issued if one.revoked_at is None} == {"urn:7"}

    def test_a_suspension_ends(self, stores: Stores) -> None:
        suspended = issued(suspended_at=NOW, suspended_why="under review")
        with stores.uow.begin() as tx:
            stores.identity.add_issued(tx, issued())
            stores.identity.add_issued(tx, issued("urn:gone", 9))
            stores.identity.revoke(tx, "urn:gone", NOW, "left")
            assert stores.identity.suspend(tx, "urn:unknown", NOW, "x") is None
            assert stores.identity.suspend(tx, "urn:vc", NOW, "under review") == suspended
            assert stores.identity.suspend(tx, "urn:vc", NOW + MINUTE, "again") == suspended
            gone = stores.identity.suspend(tx, "urn:gone", NOW, "x")
            assert gone is not None
            assert gone.suspended_at is None, "a revocation is for ever"
            assert stores.identity.suspend(tx, "urn:vc", None, None) == issued()
