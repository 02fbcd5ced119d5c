"""Accounts, second factors, API tokens and sessions: the people of ``node.identity.ports.IdentityStore``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select, update

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.people import accounts, recovery_codes, second_factors, tokens
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict, NotFound
from node.base.work import Transaction
from node.identity.model import Account, ApiToken, Browser, OpenSession, ProviderSession, UserRole

_ACCOUNT = select(accounts).where(accounts.c.login == bindparam("login"), accounts.c.removed.is_(None))
_SET_PASSWORD = (
    update(accounts)
    .where(accounts.c.login == bindparam("who"), accounts.c.removed.is_(None))
    .values(password_hash=bindparam("hash"))
)
_BY_TOKEN = (
    select(accounts, tokens.c.kind.label("token_kind"), tokens.c.roles.label("token_roles"))
    .join(tokens, tokens.c.login == accounts.c.login)
    .where(
        tokens.c.token_sha256 == bindparam("token"),
        tokens.c.expires > bindparam("now"),
        ~accounts.c.disabled,
    )
)


class SqlAccounts:
    """People, and the tokens with which they sign in."""

    # people ---------------------------------------------------------------------------------------------
    def add_account(self, tx: Transaction, account: Account, password_hash: str) -> None:
        row = values(account, roles=sorted(account.roles), password_hash=password_hash)
        if not add(connection_of(tx), accounts, row):
            raise Conflict(
                f"the account {account.login} already exists, or existed before",
                remedy="choose another login: what is recorded under this one stays clear",
                facts={"case": "login-in-use"},
            )

    def account(self, tx: Transaction, login: str) -> tuple[Account, str] | None:
        row = connection_of(tx).execute(_ACCOUNT, {"login": login}).one_or_none()
        return None if row is None else (_account(row), row.password_hash)

    def account_of_subject(self, tx: Transaction, issuer: str, subject: str) -> Account | None:
        statement = select(accounts).where(accounts.c.issuer == issuer, accounts.c.subject == subject)
        row = connection_of(tx).execute(statement).one_or_none()
        return None if row is None else _account(row)

    def knows_login(self, tx: Transaction, login: str) -> bool:
        statement = select(accounts.c.login).where(accounts.c.login == login)
        return connection_of(tx).execute(statement).one_or_none() is not None

    def accounts(self, tx: Transaction) -> Sequence[Account]:
        statement = select(accounts).where(accounts.c.removed.is_(None)).order_by(accounts.c.login)
        rows = connection_of(tx).execute(statement)
        return [_account(row) for row in rows]

    def lock_accounts(self, tx: Transaction) -> None:
        # SQLite has one writer at a time, and no FOR UPDATE: SQLAlchemy leaves it out there.
        connection_of(tx).execute(select(accounts.c.login).order_by(accounts.c.login).with_for_update()).all()

    def set_password(self, tx: Transaction, login: str, password_hash: str) -> None:
        changed = connection_of(tx).execute(_SET_PASSWORD, {"who": login, "hash": password_hash})
        if changed.rowcount != 1:
            raise NotFound(f"the account {login} does not exist")
        self.end_sessions(tx, login)

    def end_sessions(self, tx: Transaction, login: str) -> None:
        connection_of(tx).execute(delete(tokens).where(tokens.c.login == login, tokens.c.kind != "api"))

    def note_reset(
        self, tx: Transaction, login: str, by: str | None, at: datetime, *, what: str = "password"
    ) -> None:
        reset = {"reset_by": by, "reset_at": at, "reset_what": what, "chosen_at": None}
        changes = {"chosen_at": at} if by is None else reset
        connection_of(tx).execute(update(accounts).where(accounts.c.login == login).values(**changes))

    # second factors -------------------------------------------------------------------------------------
    def keep_second_factor(self, tx: Transaction, login: str, secret: str) -> None:
        put(connection_of(tx), second_factors, {"login": login, "secret": secret, "last_step": 0})

    def second_factor(self, tx: Transaction, login: str) -> str | None:
        statement = select(second_factors.c.secret).where(second_factors.c.login == login)
        return connection_of(tx).execute(statement).scalar_one_or_none()

    def confirm_second_factor(self, tx: Transaction, login: str, at: datetime, codes: Sequence[str]) -> None:
        connection = connection_of(tx)
        connection.execute(update(accounts).where(accounts.c.login == login).values(second_factor=at))
        connection.execute(delete(recovery_codes).where(recovery_codes.c.login == login))
        for code in codes:
            add(connection, recovery_codes, {"login": login, "code_sha256": code})

    def drop_second_factor(self, tx: Transaction, login: str) -> None:
        connection = connection_of(tx)
        connection.execute(update(accounts).where(accounts.c.login == login).values(second_factor=None))
        for table in (second_factors, recovery_codes):
            connection.execute(delete(table).where(table.c.login == login))

    def use_step(self, tx: Transaction, login: str, step: int) -> bool:
        factor = second_factors.c
        statement = update(second_factors).where(factor.login == login, factor.last_step < step)
        return connection_of(tx).execute(statement.values(last_step=step)).rowcount == 1

    def use_recovery_code(self, tx: Transaction, login: str, code: str) -> bool:
        kept = recovery_codes.c
        statement = delete(recovery_codes).where(kept.login == login, kept.code_sha256 == code)
        return connection_of(tx).execute(statement).rowcount == 1

    def recovery_codes(self, tx: Transaction, login: str) -> int:
        statement = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.login == login)
        return int(connection_of(tx).execute(statement).scalar_one())

    def mark_token(self, tx: Transaction, token_sha256: str) -> None:
        connection_of(tx).execute(
            update(tokens).where(tokens.c.token_sha256 == token_sha256).values(second_factor=True)
        )

    def is_marked(self, tx: Transaction, token_sha256: str) -> bool:
        statement = select(tokens.c.second_factor).where(tokens.c.token_sha256 == token_sha256)
        return bool(connection_of(tx).execute(statement).scalar_one_or_none())

    # tokens ---------------------------------------------------------------------------------------------

    def drop_tokens(self, tx: Transaction, login: str, *, but: str | None = None) -> int:
        statement = delete(tokens).where(tokens.c.login == login, tokens.c.kind == "api")
        if but is not None:
            statement = statement.where(tokens.c.token_sha256 != but)
        return connection_of(tx).execute(statement).rowcount

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
        if self.account(tx, login) is None:
            raise NotFound(f"the account {login} does not exist")
        source = browser or Browser()
        row = {
            "token_sha256": token_sha256,
            "login": login,
            "kind": kind,
            "label": label,
            "expires": expires,
            "created": at,
            "roles": None if roles is None else sorted(roles),
            "address": source.address,
            "agent": source.agent,
        }
        if not add(connection_of(tx), tokens, row):
            raise Conflict("this token already exists")

    def by_token(self, tx: Transaction, token_sha256: str, now: datetime) -> tuple[Account, str] | None:
        row = connection_of(tx).execute(_BY_TOKEN, {"token": token_sha256, "now": now}).one_or_none()
        if row is None:
            return None
        account = _account(row)
        if row.token_roles is not None:
            account = replace(account, roles=account.roles & _roles(row.token_roles))
        return account, row.token_kind

    def label_of(self, tx: Transaction, token_sha256: str) -> str:
        statement = select(tokens.c.label).where(tokens.c.token_sha256 == token_sha256)
        return connection_of(tx).execute(statement).scalar_one_or_none() or ""

    def note_use(self, tx: Transaction, token_sha256: str, at: datetime) -> None:
        connection_of(tx).execute(update(tokens).where(tokens.c.token_sha256 == token_sha256).values(used=at))

    def sessions(self, tx: Transaction, login: str | None = None) -> Sequence[OpenSession]:
        statement = select(tokens).where(tokens.c.kind == "session")
        if login is not None:
            statement = statement.where(tokens.c.login == login)
        rows = connection_of(tx).execute(statement.order_by(tokens.c.expires.desc(), tokens.c.token_sha256))
        return [build(OpenSession, row, sha256=row.token_sha256) for row in rows]

    def drop_token(self, tx: Transaction, token_sha256: str) -> bool:
        statement = delete(tokens).where(tokens.c.token_sha256 == token_sha256)
        return connection_of(tx).execute(statement).rowcount == 1

    def bind_session(self, tx: Transaction, token_sha256: str, origin: ProviderSession) -> None:
        statement = update(tokens).where(tokens.c.token_sha256 == token_sha256)
        places = {"provider": origin.provider, "provider_session": origin.session, "proof": origin.proof}
        connection_of(tx).execute(statement.values(**places))

    def provider_session(self, tx: Transaction, token_sha256: str) -> ProviderSession | None:
        statement = select(tokens).where(tokens.c.token_sha256 == token_sha256, tokens.c.provider != "")
        row = connection_of(tx).execute(statement).one_or_none()
        return None if row is None else build(ProviderSession, row, session=row.provider_session)

    def end_provider_sessions(self, tx: Transaction, provider: str, *, login: str = "", session: str = "") -> int:
        if not login and not session:
            return 0
        statement = delete(tokens).where(tokens.c.provider == provider, tokens.c.kind == "session")
        if login:
            statement = statement.where(tokens.c.login == login)
        if session:
            statement = statement.where(tokens.c.provider_session == session)
        return connection_of(tx).execute(statement).rowcount

    def drop_links(self, tx: Transaction, login: str, *, but: str) -> None:
        links = delete(tokens).where(tokens.c.login == login, tokens.c.kind == "link", tokens.c.token_sha256 != but)
        connection_of(tx).execute(links)

    def forget_tokens(self, tx: Transaction, before: datetime) -> int:
        return connection_of(tx).execute(delete(tokens).where(tokens.c.expires <= before)).rowcount

    def tokens(self, tx: Transaction, login: str | None = None) -> Sequence[ApiToken]:
        statement = select(tokens).where(tokens.c.kind == "api").order_by(tokens.c.expires, tokens.c.token_sha256)
        if login is not None:
            statement = statement.where(tokens.c.login == login)
        return [
            build(
                ApiToken,
                row,
                sha256=row.token_sha256,
                roles=None if row.roles is None else _roles(row.roles),
            )
            for row in connection_of(tx).execute(statement)
        ]

    def set_disabled(self, tx: Transaction, login: str, disabled: bool, why: str | None = None) -> None:
        self._change(tx, login, disabled=disabled, disabled_why=why if disabled else None)
        if disabled:
            connection_of(tx).execute(delete(tokens).where(tokens.c.login == login))

    def set_roles(self, tx: Transaction, login: str, roles: Collection[UserRole]) -> None:
        self._change(tx, login, roles=sorted(roles))

    def set_language(self, tx: Transaction, login: str, language: str) -> None:
        self._change(tx, login, language=language)

    def note_sign_in(self, tx: Transaction, login: str, at: datetime) -> None:
        self._change(tx, login, last_sign_in=at)

    def remove_account(self, tx: Transaction, login: str, at: datetime) -> None:
        changes = {"disabled": True, "removed": at, "password_hash": ""}
        changes |= dict.fromkeys(("disabled_why", "language", "issuer", "subject"))
        self.drop_second_factor(tx, login)
        self._change(tx, login, name=login, roles=[], last_sign_in=None, **changes)
        connection_of(tx).execute(delete(tokens).where(tokens.c.login == login))

    def _change(self, tx: Transaction, login: str, **changes: Any) -> None:
        statement = update(accounts).where(accounts.c.login == login, accounts.c.removed.is_(None))
        if connection_of(tx).execute(statement.values(**changes)).rowcount != 1:
            raise NotFound(f"the account {login} does not exist")


def _account(row: Row[Any]) -> Account:
    return build(Account, row, roles=_roles(row.roles))


def _roles(names: Sequence[str]) -> frozenset[UserRole]:
    return frozenset(UserRole(name) for name in names)
