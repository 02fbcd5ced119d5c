"""``hansa init``: a data folder with keys, settings, a database, and the first administrator."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from node.base.clock import SystemClock
from node.base.errors import Conflict
from node.base.plaintext import word
from node.identity.accounts.accounts import Accounts
from node.identity.did import did_of
from node.identity.model import ALL_ROLES
from node.settings import FILE, Settings, load, write

ADMINISTRATOR = "admin"
TERMINAL_TOKEN_YEARS = 10


@dataclass(frozen=True, slots=True)
class NewNode:
    """The result of ``init``: the password is shown once and stored nowhere."""

    did: str
    login: str
    password: str
    store: str


def create(folder: Path, members: dict[str, Any]) -> NewNode:
    """Make a node in ``folder`` with these settings.

    Raises ``Conflict`` if there is a node already, ``InvalidInput`` for a setting that is not valid. A failure leaves
    no partial node: the settings file, which makes a folder a node, is written last.
    """
    from node.adapters.keys import FileKeyRing
    from node.bootstrap.parts import open_stores, outer_key, places

    if (folder / FILE).exists():
        raise Conflict(f"{folder} is a node already", remedy=f"run it: hansa serve {word(folder)}")
    if str(members.get("region", "")).startswith(("http://", "https://")):
        members = {**members, "region": did_of(str(members["region"]))}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The folder also has views and files of hidden assets: other users of this machine must not read them.
    folder.chmod(0o700)
    temporary = folder / f".{FILE}.new"
    write(folder, members)
    (folder / FILE).rename(temporary)
    settings = _read(folder, temporary)
    where = places(folder)
    keys = FileKeyRing.create(where.keys, did_of(settings.public_url), outer=outer_key(settings))
    stores = open_stores(settings)
    password = secrets.token_urlsafe(12)
    accounts = Accounts(stores.uow, stores.identity, SystemClock())
    accounts.add_locally(ADMINISTRATOR, "Administrator", ALL_ROLES, password)
    token = accounts.issue_token(
        ADMINISTRATOR, "terminal on this machine", timedelta(days=365 * TERMINAL_TOKEN_YEARS)
    )
    descriptor = os.open(where.token, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    stores.uow.close()
    temporary.rename(folder / FILE)
    return NewNode(
        did=keys.did,
        login=ADMINISTRATOR,
        password=password,
        store="SQLite, Oxigraph, search index" if settings.is_embedded else "PostgreSQL, Oxigraph, search index",
    )


def _read(folder: Path, staging_folder: Path) -> Settings:
    """Check the settings before anything is made from them."""
    final = folder / FILE
    staging_folder.rename(final)
    try:
        return load(folder)
    finally:
        final.rename(staging_folder)
