"""``hansa doctor``: checks of a node, each with its result, and the command that repairs a fault."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.base.errors import HansaError
from node.base.plaintext import word
from node.bootstrap.parts import (
    Stores,
    cage_for,
    log_keys_of,
    model_limits,
    open_keys,
    open_stores,
    outer_key,
    places,
)
from node.cage.barriers import PARSED_WITHOUT_LANDLOCK, REMEDY
from node.catalogue.deliverability import OWN, WHY
from node.catalogue.model import QUARANTINE
from node.cli.output import count_of
from node.identity.did import check_identity
from node.settings import Settings, load

if TYPE_CHECKING:
    from node.adapters.keys import FileKeyRing

LITTLE_SPACE = 2 << 30
WORTH_KEEPING = 20  # ledger entries
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    text: str
    well: bool
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "well": self.well, **({"remedy": self.remedy} if self.remedy else {})}


def examine(folder: Path) -> list[Finding]:
    """Check everything that commonly goes wrong; unreadable settings end the examination."""
    try:
        settings = load(folder)
    except HansaError as error:
        return [Finding(error.detail, False, error.remedy)]
    return [
        Finding(f"settings are readable; public address {settings.public_url}", True),
        *_keys(folder, settings),
        *_database(folder, settings),
        *_space(folder),
        *_cage(settings),
        *_identity_providers(settings),
        *_serving(folder, settings),
    ]


def _keys(folder: Path, settings: Settings) -> Iterator[Finding]:
    try:
        keys = open_keys(settings)
        yield Finding(f"keys exist and are private: {keys.did}", True)
        yield _wrapping(folder, keys, expected=outer_key(settings) is not None)
        check_identity(keys.did, settings.public_url)
    except HansaError as error:
        yield Finding(error.detail, False, error.remedy)
    token = places(folder).token
    if token.is_file() and token.stat().st_mode & 0o077:
        yield Finding("other users can read the terminal's token", False, f"chmod 600 {token}")


def _wrapping(folder: Path, keys: FileKeyRing, *, expected: bool) -> Finding:
    """Check whether the keys are encrypted. Unencrypted keys are a choice, unless the settings name an external
    key."""
    if keys.is_wrapped:
        return Finding("keys are encrypted with an external key", True)
    if expected:
        return Finding(
            "an external key is set, but not all keys are encrypted with it", False, f"hansa keys wrap {word(folder)}"
        )
    return Finding("keys are not encrypted with an external key: whoever can read the folder has them", True)


def _database(folder: Path, settings: Settings) -> Iterator[Finding]:
    from node.adapters.signed_head import require_newest
    from node.adapters.sql.soundness import check_sqlite

    try:
        if settings.is_embedded:
            check_sqlite(settings.database, thorough=True)
        stores = open_stores(settings)
    except HansaError as error:
        yield Finding(error.detail, False, error.remedy)
        return
    try:
        with stores.uow.read() as tx:
            size = stores.ledger.size(tx)
            dead_count, newest = stores.outbox.dead_count(tx), stores.outbox.dead(tx)
            waiting = stores.outbox.waiting(tx)
            followed = stores.catalogue.follows.all(tx)
        try:
            keyring = open_keys(settings)
            require_newest(settings.folder, stores.uow, stores.ledger, log_keys_of(keyring))
        except HansaError as error:
            yield Finding(error.detail, False, error.remedy)
            return
        kind = "SQLite" if settings.is_embedded else "PostgreSQL"
        yield Finding(
            f"{kind} works: {count_of(size, 'ledger entry', 'ledger entries')}, "
            f"{count_of(waiting, 'message')} being delivered",
            True,
        )
        for member in followed:
            if member.state == QUARANTINE:
                yield Finding(
                    f"{member.name} ({member.url}) is {member.last_error}",
                    False,
                    f"hansa members evidence {word(member.url)}   then   hansa members accept, or leave",
                )
        if dead_count:
            reasons = {str(task.last_error) for task in newest}
            yield Finding(
                f"{dead_count} deliveries were given up: {'; '.join(sorted(reasons))[:200]}",
                False,
                "see them with a retry button: " + settings.public_url + "/deliveries",
            )
        yield from _promises(stores, keyring.did)
    finally:
        stores.uow.close()
    backups = places(folder).backups
    if settings.is_embedded and not (backups.is_dir() and any(backups.glob("*.tar*"))):
        # For a new node this is advice, not a fault: it has nothing to lose yet.
        yield Finding("there is no backup yet", size < WORTH_KEEPING, f"hansa backup {word(folder)}")


def _promises(stores: Stores, me: str) -> Iterator[Finding]:
    """Check for assets that an older Hansa published under conditions, and that no data plane of this node
    delivers."""
    after = ""
    while True:
        with stores.uow.read() as tx:
            batch = stores.catalogue.records.current(tx, origins=(me,), offered=True, after=after, limit=_BATCH)
        for record in batch:
            if OWN.breaks_promise(record):
                yield Finding(
                    f"{record.iri} has conditions, and {WHY}; it is not offered",
                    False,
                    "publish it again with its bytes under files, or without conditions",
                )
        if len(batch) < _BATCH:
            return
        after = batch[-1].iri


def _cage(settings: Settings) -> Iterator[Finding]:
    from node.scenarios.models.libraries import look_at

    with cage_for(settings) as cage:
        try:
            barriers = cage.barriers()
        except HansaError as error:
            yield Finding(error.detail, False, error.remedy)
            return
        if not barriers.landlock:
            yield Finding(PARSED_WITHOUT_LANDLOCK, False, REMEDY)
        if barriers.lacking:
            yield Finding(f"this node runs no models with code: {barriers.lacking}", False, REMEDY)
            return
        yield Finding(f"models run behind {barriers.summary}", True)
        for name in settings.model_libraries:
            version, trouble = look_at(cage, name, model_limits(settings))
            if trouble:
                where = settings.model_library_folder
                remedy = f"install it into {word(where)}" if where else "install it in the node's environment"
                yield Finding(f"models cannot import {name}: {trouble}", False, remedy)
            else:
                yield Finding(f"models can import {name} {version}".rstrip(), True)


def _identity_providers(settings: Settings) -> list[Finding]:
    """Check whether people could sign in with each identity provider of the settings now."""
    if not settings.identity_providers:
        return []
    from node.adapters.egress import Egress
    from node.adapters.oidc.client import OidcProviders
    from node.base.clock import SystemClock
    from node.settings.providers import provider_of

    async def check() -> list[Finding]:
        findings: list[Finding] = []
        egress = Egress(allow_loopback=settings.allow_loopback, allow_networks=settings.private_networks)
        async with egress:
            client = OidcProviders(egress, SystemClock())
            for name, members in settings.identity_providers.items():
                try:
                    await client.check(provider_of(name, members, settings.folder))
                    findings.append(
                        Finding(f"people can sign in with {members.name}: {members.issuer} answers", True)
                    )
                except HansaError as error:
                    findings.append(Finding(f"{members.name}: {error.detail}", False, error.remedy))
        return findings

    return asyncio.run(check())


def _space(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    yield Finding(
        f"{free / 1e9:.0f} GB free on the disk of the data folder",
        free > LITTLE_SPACE,
        "" if free > LITTLE_SPACE else "make room: a full disk stops the node",
    )
    if not os.access(folder, os.W_OK):
        yield Finding("the data folder cannot be written", False, f"chown it to {os.getuid()}")


def _shown_percent(hindrance: str) -> str:
    """Return how much the views of a node show that is only behind; empty for another hindrance."""
    try:
        answer = json.loads(hindrance)
    except ValueError:
        return ""
    if not isinstance(answer, dict) or answer.get("status") != "behind":
        return ""
    percents = answer.get("views")
    return ", ".join(f"{name} {percent} %" for name, percent in sorted(percents.items())) if percents else "begun"


def _serving(folder: Path, settings: Settings) -> Iterator[Finding]:
    from node.client import HansaClient, locate

    with HansaClient(locate(str(folder)), timeout=5) as client:
        hindrance = client.hindrance()
    if not hindrance:
        yield Finding("the node is running and ready", True)
        return
    if shown := _shown_percent(hindrance):
        yield Finding(f"the node runs, and its views are being filled: {shown}", False, "wait, it goes on by itself")
        return
    with socket.socket() as probe:
        probe.settimeout(2)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    if taken:
        yield Finding(
            f"a program answers on {settings.host}:{settings.port}, but it is not a ready node",
            False,
            f"see its log, or choose another port in {folder}/hansa.toml",
        )
    else:
        yield Finding("the node is not running", False, f"hansa serve {word(folder)}")
