"""The identity store in memory."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.base.errors import Conflict, LocalFault, NotFound
from node.base.work import Transaction
from node.identity.model import Account, ApiToken, Application, ApplicationState, Credential, IssuedCredential
from tests.fakes.work import memory

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
        if known or account.login in memory(tx).rows("accounts"):
            raise Conflict(f"the account {account.login} already exists")
        memory(tx).put("accounts", account.login, (account, password_hash))

    def account(self, tx: Transaction, login: str) -> tuple[Account, str] | None:
        return memory(tx).rows("accounts").get(login)

    def accounts(self, tx: Transaction) -> Sequence[Account]:
        accounts: list[Account] = [account for account, _ in memory(tx).rows("accounts").values()]
        return sorted(accounts, key=lambda account: account.login)

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
        self, tx: Transaction, *, token_sha256: str, login: str, kind: str, label: str, expires: datetime
    ) -> None:
        if login not in memory(tx).rows("accounts"):
            raise NotFound(f"the account {login} does not exist")
        if token_sha256 in memory(tx).rows("tokens"):
            raise Conflict("this token already exists")
        memory(tx).put("tokens", token_sha256, (login, kind, label, expires))

    def by_token(self, tx: Transaction, token_sha256: str, now: datetime) -> tuple[Account, str] | None:
        token = memory(tx).rows("tokens").get(token_sha256)
        if token is None or token[3] <= now:
            return None
        account, _ = memory(tx).rows("accounts")[token[0]]
        return None if account.disabled else (account, token[1])

    def drop_token(self, tx: Transaction, token_sha256: str) -> None:
        memory(tx).drop("tokens", token_sha256)

    def tokens(self, tx: Transaction, login: str | None = None) -> Sequence[ApiToken]:
        tokens = [
            ApiToken(sha256=name, login=token[0], label=token[2], expires=token[3])
            for name, token in memory(tx).rows("tokens").items()
            if token[1] == "api" and login in (None, token[0])
        ]
        return sorted(tokens, key=lambda token: (token.expires, token.sha256))

    def set_disabled(self, tx: Transaction, login: str, disabled: bool) -> None:
        known = self.account(tx, login)
        if known is None:
            raise NotFound(f"the account {login} does not exist")
        memory(tx).put("accounts", login, (replace(known[0], disabled=disabled), known[1]))
        for name, token in list(memory(tx).rows("tokens").items()):
            if disabled and token[0] == login:
                memory(tx).drop("tokens", name)

    def keep_credential(self, tx: Transaction, credential: Credential, at: datetime) -> None:
        memory(tx).put("credentials", credential.id, credential)

    def credentials(self, tx: Transaction) -> Sequence[Credential]:
        return list(memory(tx).rows("credentials").values())

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

    def requests(self, tx: Transaction) -> Sequence[dict[str, Any]]:
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

    def applications(self, tx: Transaction, state: ApplicationState | None = None) -> Sequence[Application]:
        applications: list[Application] = list(reversed(memory(tx).rows("applications").values()))
        applications.sort(key=lambda application: application.at, reverse=True)
        return [application for application in applications if state in (None, application.state)]

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

    def revoked_indexes(self, tx: Transaction, list_id: int) -> Sequence[int]:
        issued: list[IssuedCredential] = list(memory(tx).rows("issued").values())
        return sorted(
            credential.index
            for credential in issued
            if credential.list_id == list_id and credential.revoked_at is not None
        )
