"""What operators of the node in memory see: real use cases over stores in memory, and figures of a demonstration."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.usecases import LedgerWriter
from node.operation.audit import AuditTrail
from node.operation.configuration import Configuration, SettingInForce, SettingSource
from node.operation.consumption import CallerGroup, DailyLoad, Load
from node.operation.health import HealthCheck
from node.operation.storage import AssetRoom, Backup, StorageView
from tests.fakes.keys import MemoryKeyRing
from tests.fakes.portal.people import FixedClock
from tests.stores import memory_stores


class FakeCheckup:
    """A check of each kind, well and not."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    async def checks(self, by: Caller) -> list[HealthCheck]:
        require(by, UseCase.READ_OPERATION)
        return [
            HealthCheck(code="deliveries", well=False, facts={"count": 3, "waiting": 2}, path="/deliveries"),
            HealthCheck(code="peers", well=False, facts={"count": 1, "all": 4, "names": "Brno"}, path="/members"),
            HealthCheck(
                code="limited",
                well=False,
                facts={"what": "models", "reason": "no Landlock"},
                command="hansa doctor FOLDER",
            ),
            HealthCheck(code="running", well=True, facts={"wrong": ""}),
            HealthCheck(code="views", well=True, facts={"percent": 100}),
            HealthCheck(code="disk", well=True, facts={"free": 28 << 30}, path="/operate/storage"),
            HealthCheck(
                code="live",
                well=False,
                facts={"count": 1, "reason": "noise, since 2026-11-20 08:00 UTC: no connection"},
                command="hansa status",
            ),
            HealthCheck(code="backup", well=True, facts={"at": self._moment}, path="/operate/storage"),
            HealthCheck(code="keys", well=True, facts={"wrapped": True}, path="/keys"),
        ]

    def daily_load(self, by: Caller) -> DailyLoad:
        require(by, UseCase.READ_OPERATION)
        groups = {
            CallerGroup.STRANGERS: Load(
                requests=48_211, queries=1_904, refusals=312, sent_bytes=7 << 30, seconds=2_740.5
            ),
            CallerGroup.PARTNERS: Load(requests=6_120, queries=88, sent_bytes=2 << 30, seconds=301.2),
            CallerGroup.PEOPLE: Load(requests=911, queries=12, sent_bytes=40 << 20, seconds=64.0),
        }
        return DailyLoad(since=self._moment, groups=groups)

    async def facts(self, by: Caller) -> dict[str, Any]:
        require(by, UseCase.READ_OPERATION)
        return {
            "did": "did:web:data.gent.example",
            "version": "0.1",
            "store": "sqlite",
            "ledger": 25_312,
            "records": {"dataset": 25_000, "model": 2},
            "waiting": 2,
        }


class FakeStorage:
    """Sizes as of a node of a city."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    async def view(self, by: Caller, *, after: str = "") -> StorageView:
        require(by, UseCase.READ_OPERATION)
        return StorageView(
            free=28 << 30,
            places={"blobs": 61 << 30, "database": 512 << 20, "graph": 80 << 20},
            backups=[
                Backup(name="hansa-20261119T030000Z.tar.age", size=61 << 30, at=self._moment, sealed=True),
                Backup(
                    name="hansa-20261112.tar",
                    size=60 << 30,
                    at=self._moment - timedelta(days=7),
                    sealed=False,
                ),
            ],
            assets=[
                AssetRoom(
                    iri="http://127.0.0.1:8101/datasets/traffic-counts",
                    kind="dataset",
                    titles={"en": "Traffic counts", "nl": "Verkeerstellingen"},
                    files=2,
                    size=61 << 20,
                )
            ],
            next="" if after else "http://127.0.0.1:8101/datasets/traffic-counts",
        )


def operation_of(moment: datetime) -> dict[str, Any]:
    """The use cases of the pages under Operate."""
    stores = memory_stores()
    append = LedgerWriter(stores.ledger, FixedClock(moment))
    with stores.uow.begin() as tx:
        entries = [
            append(tx, kind, f"urn:uuid:{number}", "els", {"number": number, "note": "<b>stored text</b>"})
            for number, kind in enumerate([*EntryKind] * 8)
        ]
        stores.ledger.number(tx, entries, 0)
    settings = [
        SettingInForce(
            name="public_url",
            value="https://data.gent.example",
            source=SettingSource.FILE,
            description="x",
        ),
        SettingInForce(name="metrics_token", value="set", source=SettingSource.FILE, description="x", secret=True),
        SettingInForce(name="port", value="8080", source=SettingSource.DEFAULT, description="The port."),
        SettingInForce(name="region", value="", source=SettingSource.DEFAULT, description="The region."),
    ]
    return {
        "checkup": cast("Any", FakeCheckup(moment)),
        "configuration": Configuration(settings),
        "storage": cast("Any", FakeStorage(moment)),
        "audit": AuditTrail(
            stores.uow, stores.ledger, keyring=MemoryKeyRing("did:web:data.gent.example"), clock=FixedClock(moment)
        ),
    }
