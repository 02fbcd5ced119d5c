"""The identity store in memory."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.base.errors import Conflict, LocalFault, NotFound
from node.base.work import Transaction
from node.identity.model import (
    Account,
    ApiToken,
    Application,
    ApplicationState,
    Browser,
    Credential,
    IssuedCredential,
    OpenSession,
    ProviderSession,
    UserRole,
)
from tests.fakes.stores.work import memory

STATUS_LIST_SIZE = 131_072


class MemoryIdentityStore:
    """Accounts, tokens, wallet, issued credentials, used token ids in dictionaries."""

    def use_jti(self, tx: Transaction, issuer: str, jti: str, expires: datetime) -> bool:
        if (issuer, jti) in memory(tx).rows("jtis"):
            return False
        memory(tx).put("jtis", (issuer, jti), expires)
        return True

    def forget_jtis(self, tx: Transaction, before: datetime) -> int:
        old = [key for key, expires in memory(tx).rows("jtis").items() if expires < before]
        return sum(memory(tx).drop("jtis", key) for key in old)

    def add_account(self, tx: Transaction, account: Account, password_hash: str) -> None:
        known = any(account.id == other.id for other in self.accounts(tx))
        taken = account.issuer and self.account_of_subject(tx, account.issuer, account.subject or "") is not None
        if known or taken or self.knows_login(tx, account.login):
            raise Conflict(f"the account {account.login} already exists")
        memory(tx).put("accounts", account.login, (account, password_hash))

    def account(self, tx: Transaction, login: str) -> tuple[Account, str] | None:
        return memory(tx).rows("accounts").get(login)

    def account_of_subject(self, tx: Transaction, issuer: str, subject: str) -> Account | None:
        return next((one for one in self.accounts(tx) if (one.issuer, one.subject) == (issuer, subject)), None)

    def knows_login(self, tx: Transaction, login: str) -> bool:
        return any(login in memory(tx).rows(name) for name in ("accounts", "removed accounts"))

    def accounts(self, tx: Transaction) -> Sequence[Account]:
        accounts: list[Account] = [account for account, _ in memory(tx).rows("accounts").values()]
        return sorted(accounts, key=lambda account: account.login)

    def lock_accounts(self, tx: Transaction) -> None:
        """Do nothing: a transaction in memory is alone anyway."""

    def set_password(self, tx: Transaction, login: str, password_hash: str) -> None:
        known = self.account(tx, login)
        if known is None:
            raise NotFound(f"the account {login} does not exist")
        memory(tx).put("accounts", login, (known[0], password_hash))
        self.end_sessions(tx, login)

    def end_sessions(self, tx: Transaction, login: str) -> None:
        for name, token in list(memory(tx).rows("tokens").items()):
            if token[0] == login and token[1] != "api":
                memory(tx).drop("tokens", name)

    def note_reset(
        self, tx: Transaction, login: str, by: str | None, at: datetime, *, what: str = "password"
    ) -> None:
        if by:
            self._change(tx, login, reset_by=by, reset_at=at, reset_what=what, chosen_at=None)
        else:
            self._change(tx, login, chosen_at=at)

    def _change(self, tx: Transaction, login: str, **changes: Any) -> None:
        known = self.account(tx, login)
        if known is not None:
            memory(tx).put("accounts", login, (replace(known[0], **changes), known[1]))

    def keep_second_factor(self, tx: Transaction, login: str, secret: str) -> None:
        memory(tx).put("second_factors", login, (secret, 0))

    def second_factor(self, tx: Transaction, login: str) -> str | None:
        kept: tuple[str, int] | None = memory(tx).rows("second_factors").get(login)
        return None if kept is None else kept[0]

    def confirm_second_factor(self, tx: Transaction, login: str, at: datetime, codes: Sequence[str]) -> None:
        self._change(tx, login, second_factor=at)
        self._drop_codes(tx, login)
        for code in codes:
            memory(tx).put("recovery_codes", (login, code), True)

    def drop_second_factor(self, tx: Transaction, login: str) -> None:
        self._change(tx, login, second_factor=None)
        memory(tx).drop("second_factors", login)
        self._drop_codes(tx, login)

    def _drop_codes(self, tx: Transaction, login: str) -> None:
        for key in [key for key in memory(tx).rows("recovery_codes") if key[0] == login]:
            memory(tx).drop("recovery_codes", key)

    def use_step(self, tx: Transaction, login: str, step: int) -> bool:
        factor = memory(tx).rows("second_factors").get(login)
        if factor is None or factor[1] >= step:
            return False
        memory(tx).put("second_factors", login, (factor[0], step))
        return True

    def use_recovery_code(self, tx: Transaction, login: str, code: str) -> bool:
        return memory(tx).drop("recovery_codes", (login, code))

    def recovery_codes(self, tx: Transaction, login: str) -> int:
        return sum(key[0] == login for key in memory(tx).rows("recovery_codes"))

    def mark_token(self, tx: Transaction, token_sha256: str) -> None:
        memory(tx).put("marked_tokens", token_sha256, True)

    def is_marked(self, tx: Transaction, token_sha256: str) -> bool:
        return token_sha256 in memory(tx).rows("marked_tokens")

    def drop_tokens(self, tx: Transaction, login: str, *, but: str | None = None) -> int:
        theirs = [
            name for name, one in memory(tx).rows("tokens").items() if one[:2] == (login, "api") and name != but
        ]
        return sum(memory(tx).drop("tokens", name) for name in theirs)

    def add_token(
        self,
        tx: Transaction,
        *,
        token_sha256: str,
        login: str,
        kind: str,
        label: str,
        expires: datetime,
        at: datetime | None = None,
        roles: Collection[UserRole] | None = None,
        browser: Browser | None = None,
    ) -> None:
        if login not in memory(tx).rows("accounts"):
            raise NotFound(f"the account {login} does not exist")
        if token_sha256 in memory(tx).rows("tokens"):
            raise Conflict("this token already exists")
        details = {"created": at, "used": None, "roles": roles, "browser": browser or Browser()}
        memory(tx).put("tokens", token_sha256, (login, kind, label, expires, details))

    def by_token(self, tx: Transaction, token_sha256: str, now: datetime) -> tuple[Account, str] | None:
        token = memory(tx).rows("tokens").get(token_sha256)
        if token is None or token[3] <= now:
            return None
        account, _ = memory(tx).rows("accounts")[token[0]]
        roles = token[4]["roles"]
        if roles is not None:
            account = replace(account, roles=account.roles & frozenset(roles))
        return None if account.disabled else (account, token[1])

    def label_of(self, tx: Transaction, token_sha256: str) -> str:
        token = memory(tx).rows("tokens").get(token_sha256)
        return "" if token is None else str(token[2])

    def note_use(self, tx: Transaction, token_sha256: str, at: datetime) -> None:
        token = memory(tx).rows("tokens").get(token_sha256)
        if token is not None:
            memory(tx).put("tokens", token_sha256, (*token[:4], {**token[4], "used": at}))

    def sessions(self, tx: Transaction, login: str | None = None) -> Sequence[OpenSession]:
        sessions = [
            OpenSession(
                sha256=name,
                login=token[0],
                expires=token[3],
                created=token[4]["created"],
                used=token[4]["used"],
                address=token[4]["browser"].address,
                agent=token[4]["browser"].agent,
                second_factor=self.is_marked(tx, name),
            )
            for name, token in memory(tx).rows("tokens").items()
            if token[1] == "session" and login in (None, token[0])
        ]
        return sorted(sorted(sessions, key=lambda one: one.sha256), key=lambda one: one.expires, reverse=True)

    def drop_token(self, tx: Transaction, token_sha256: str) -> bool:
        return memory(tx).drop("tokens", token_sha256)

    def bind_session(self, tx: Transaction, token_sha256: str, origin: ProviderSession) -> None:
        memory(tx).put("provider sessions", token_sha256, origin)

    def provider_session(self, tx: Transaction, token_sha256: str) -> ProviderSession | None:
        known = token_sha256 in memory(tx).rows("tokens")
        return memory(tx).rows("provider sessions").get(token_sha256) if known else None

    def end_provider_sessions(self, tx: Transaction, provider: str, *, login: str = "", session: str = "") -> int:
        bound = memory(tx).rows("provider sessions")
        ended = [
            name
            for name, token in memory(tx).rows("tokens").items()
            if (login or session)
            and token[1] == "session"
            and name in bound
            and bound[name].provider == provider
            and login in ("", token[0])
            and session in ("", bound[name].session)
        ]
        return sum(memory(tx).drop("tokens", name) for name in ended)

    def drop_links(self, tx: Transaction, login: str, *, but: str) -> None:
        for name, token in list(memory(tx).rows("tokens").items()):
            if token[:2] == (login, "link") and name != but:
                memory(tx).drop("tokens", name)

    def forget_tokens(self, tx: Transaction, before: datetime) -> int:
        old = [name for name, token in memory(tx).rows("tokens").items() if token[3] <= before]
        return sum(memory(tx).drop("tokens", name) for name in old)

    def tokens(self, tx: Transaction, login: str | None = None) -> Sequence[ApiToken]:
        tokens = [
            ApiToken(
                sha256=name,
                login=token[0],
                label=token[2],
                expires=token[3],
                created=token[4]["created"],
                used=token[4]["used"],
                roles=None if token[4]["roles"] is None else frozenset(token[4]["roles"]),
            )
            for name, token in memory(tx).rows("tokens").items()
            if token[1] == "api" and login in (None, token[0])
        ]
        return sorted(tokens, key=lambda token: (token.expires, token.sha256))

    def set_disabled(self, tx: Transaction, login: str, disabled: bool, why: str | None = None) -> None:
        self._must_change(tx, login, disabled=disabled, disabled_why=why if disabled else None)
        if disabled:
            self._drop_all(tx, login)

    def set_roles(self, tx: Transaction, login: str, roles: Collection[UserRole]) -> None:
        self._must_change(tx, login, roles=frozenset(roles))

    def set_language(self, tx: Transaction, login: str, language: str) -> None:
        self._must_change(tx, login, language=language)

    def note_sign_in(self, tx: Transaction, login: str, at: datetime) -> None:
        self._must_change(tx, login, last_sign_in=at)

    def remove_account(self, tx: Transaction, login: str, at: datetime) -> None:
        if self.account(tx, login) is None:
            raise NotFound(f"the account {login} does not exist")
        self.drop_second_factor(tx, login)
        self._drop_all(tx, login)
        memory(tx).drop("accounts", login)
        memory(tx).put("removed accounts", login, at)

    def _must_change(self, tx: Transaction, login: str, **changes: Any) -> None:
        if self.account(tx, login) is None:
            raise NotFound(f"the account {login} does not exist")
        self._change(tx, login, **changes)

    def _drop_all(self, tx: Transaction, login: str) -> None:
        for name, token in list(memory(tx).rows("tokens").items()):
            if token[0] == login:
                memory(tx).drop("tokens", name)

    def keep_credential(self, tx: Transaction, credential: Credential, at: datetime) -> None:
        memory(tx).put("credentials", credential.id, credential)

    def credentials(self, tx: Transaction) -> Sequence[Credential]:
        return list(memory(tx).rows("credentials").values())

    def drop_credentials(self, tx: Transaction, issuer: str) -> int:
        names = [name for name, credential in memory(tx).rows("credentials").items() if credential.issuer == issuer]
        for name in names:
            memory(tx).drop("credentials", name)
        return len(names)

    def note_request(
        self, tx: Transaction, *, holder_pid: str, issuer: str, credential_type: str, at: datetime
    ) -> None:
        if holder_pid in memory(tx).rows("requests"):
            raise Conflict(f"the request {holder_pid} already exists")
        request = {
            "holder_pid": holder_pid,
            "issuer": issuer,
            "issuer_pid": None,
            "credential_type": credential_type,
            "at": at,
            "state": "REQUESTED",
            "reason": None,
        }
        memory(tx).put("requests", holder_pid, request)

    def requests(self, tx: Transaction, *, lock: bool = False) -> Sequence[dict[str, Any]]:
        return [dict(request) for request in memory(tx).rows("requests").values()][::-1]

    def update_request(
        self,
        tx: Transaction,
        holder_pid: str,
        *,
        state: str,
        issuer_pid: str | None = None,
        reason: str | None = None,
    ) -> None:
        request = memory(tx).rows("requests").get(holder_pid)
        if request is None:
            raise NotFound("this request for a credential does not exist")
        changes = {"state": state, "issuer_pid": issuer_pid, "reason": reason}
        told = {name: value for name, value in changes.items() if value is not None}
        memory(tx).put("requests", holder_pid, {**request, **told})

    def add_application(self, tx: Transaction, application: Application) -> None:
        known = self.application_by_holder(tx, application.holder, application.holder_pid)
        if known is not None or self.application(tx, application.id) is not None:
            raise Conflict("this application already exists")
        memory(tx).put("applications", application.id, application)

    def application(self, tx: Transaction, application_id: str) -> Application | None:
        return memory(tx).rows("applications").get(application_id)

    def application_by_holder(self, tx: Transaction, holder: str, holder_pid: str) -> Application | None:
        for application in memory(tx).rows("applications").values():
            if (application.holder, application.holder_pid) == (holder, holder_pid):
                return application  # type: ignore[no-any-return]
        return None

    def applications(
        self, tx: Transaction, state: ApplicationState | None = None, *, oldest: int | None = None
    ) -> Sequence[Application]:
        applications: list[Application] = list(reversed(memory(tx).rows("applications").values()))
        applications.sort(key=lambda application: application.at, reverse=True)
        chosen = [application for application in applications if state in (None, application.state)]
        return chosen if oldest is None else chosen[::-1][:oldest]

    def count_applications(self, tx: Transaction, state: ApplicationState) -> int:
        return len(self.applications(tx, state))

    def save_application(self, tx: Transaction, application: Application) -> None:
        known = self.application(tx, application.id)
        if known is None:
            raise LocalFault(f"the application {application.id} does not exist")
        if known.state is not ApplicationState.RECEIVED:
            raise Conflict("somebody already decided this application")
        memory(tx).put("applications", application.id, application)

    def next_status_index(self, tx: Transaction) -> tuple[int, int]:
        places = memory(tx).rows("status places")
        list_id = max((place[0] for place in places), default=1)
        while True:
            place = (list_id, secrets.randbelow(STATUS_LIST_SIZE))
            if place not in places:
                memory(tx).put("status places", place, None)
                return place

    def add_issued(self, tx: Transaction, credential: IssuedCredential) -> None:
        places = [(known.list_id, known.index) for known in memory(tx).rows("issued").values()]
        if credential.id in memory(tx).rows("issued") or (credential.list_id, credential.index) in places:
            raise Conflict("a credential with this id or this position in the status list already exists")
        memory(tx).put("issued", credential.id, credential)

    def issued_credentials(self, tx: Transaction, holder: str | None = None) -> Sequence[IssuedCredential]:
        issued: list[IssuedCredential] = list(reversed(memory(tx).rows("issued").values()))
        issued.sort(key=lambda credential: credential.at, reverse=True)
        return [credential for credential in issued if holder in (None, credential.holder)]

    def revoke(self, tx: Transaction, credential_id: str, at: datetime, why: str) -> IssuedCredential | None:
        credential: IssuedCredential | None = memory(tx).rows("issued").get(credential_id)
        if credential is None or credential.revoked_at is not None:
            return credential
        revoked = replace(credential, revoked_at=at, revoked_why=why)
        memory(tx).put("issued", credential_id, revoked)
        return revoked

    def suspend(
        self, tx: Transaction, credential_id: str, at: datetime | None, why: str | None
    ) -> IssuedCredential | None:
        credential: IssuedCredential | None = memory(tx).rows("issued").get(credential_id)
        is_open = credential is not None and credential.revoked_at is None and credential.suspended_at is None
        if credential is None or (at is not None and not is_open):
            return credential
        changed = replace(credential, suspended_at=at, suspended_why=why)
        memory(tx).put("issued", credential_id, changed)
        return changed
