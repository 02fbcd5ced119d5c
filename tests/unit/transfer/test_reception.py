"""Receiving: resumed after every interruption, verified before it is shown, failed with reasons."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import (
    Conflict,
    HansaError,
    NoRoom,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    Unauthenticated,
)
from node.catalogue.envelope import SIGNATURE
from node.exchange.age import CHUNK, SEALED_CHUNK, SealPlan, SealSecrets
from node.exchange.manifest import Manifest, read_kept, verify_manifest
from node.exchange.spool import PartFile
from node.semantics.model import File
from node.transfer.model import Reception, Transfer
from node.transfer.receiving.data_checks import ReceptionChecks
from node.transfer.receiving.file_names import local_id
from node.transfer.receiving.patience import Habits
from node.transfer.receiving.reception import ReceiveBytes
from node.transfer.receiving.version_checks import CheckVersion
from node.vocab.versions import LAST_VERSION
from tests.fakes.keys import public_jwk
from tests.fakes.planes import ScriptedPlane, Served
from tests.fakes.provider import (
    CONSUMER,
    CONSUMER_PID,
    PROVIDER,
    PROVIDER_PID,
    HandClock,
    Provider,
    SeedKeyRing,
    consumer_transfer,
)
from tests.fakes.stores.assets import MemoryAssets
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.transfer import MemoryReceptionStore, MemoryTransferStore
from tests.fakes.stores.work import MemoryUnitOfWork

SOURCE = b"refRoadSegment,dateObservedFrom,intensity\n" + b"A1,2026-11-20T00:00:00Z,12\n" * 20_000
QUICK = Habits(sync_bytes=100_000, first_pause=0.001, longest_pause=0.002, patience=0.3)


class Rig:
    """A provider's bytes on a scripted plane, and a receiver with its folder and database."""

    def __init__(
        self, tmp_path: Path, *, sealed: bool = True, source: bytes = SOURCE, habits: Habits = QUICK
    ) -> None:
        self.folder = tmp_path / "received"
        self.assets = MemoryAssets()
        self.provider = Provider(self.assets, clock=HandClock())
        self.plane = ScriptedPlane(Served(b""))
        self.work = MemoryUnitOfWork()
        self.transfers = MemoryTransferStore()
        self.receptions = MemoryReceptionStore()
        self.described = MemoryRecordStore()
        self.habits = habits
        self.finished: list[Reception] = []
        self.progress: list[Reception] = []
        self.key: Callable[[], dict[str, Any]] = partial(public_jwk, self.provider.keyring)
        self.sealed = sealed
        self.version = 0
        self.transfer: Transfer = None  # type: ignore[assignment]
        self.source = source

    async def publish(self, source: bytes, **file: str) -> None:
        """A new version of the source, and a transfer of it that has started (again)."""
        self.version += 1
        stored = self.assets.keep(source)
        described = {"name": "tellingen.csv", "media_type": "text/csv", **file}
        record = self.provider.publish(
            File(**described, size=stored.size, sha256=stored.sha256),  # type: ignore[arg-type]
            version=self.version,
            sealed=self.sealed,
        )
        _, address = self.provider.start(record)
        self.transfer = consumer_transfer(address)
        self.address = address
        await self.serve()

    async def serve(self) -> None:
        header = next(p["value"] for p in self.address["endpointProperties"] if p["name"] == "authorization")
        access = await self.provider.authorise.authorise(PROVIDER_PID, f"Bearer {header}")
        delivery = await self.provider.deliveries(access)
        data = b"".join([part async for part in await delivery.read(0, delivery.size)])
        manifest = (await self.provider.manifests(access)).encode()
        self.plane.served = Served(data, delivery.etag, manifest, self.renew)

    async def renew(self) -> bytes:
        from node.identity.model import Caller

        return json.dumps(await self.provider.refresh(Caller(did=CONSUMER), PROVIDER_PID)).encode()

    def receiver(self) -> ReceiveBytes:
        async def key_of(did: str, kid: str) -> dict[str, Any]:
            assert did == PROVIDER
            assert kid.startswith("did:web:")
            return self.key()

        async def token_for(did: str) -> str:
            assert did == PROVIDER
            return "Bearer self-issued"

        return ReceiveBytes(
            self.work,
            transfers=self.transfers,
            receptions=self.receptions,
            plane=self.plane,
            keyring=self.provider.consumer,
            clock=HandClock(),
            folder=self.folder,
            key_of=key_of,
            token_for=token_for,
            checks=ReceptionChecks(version=CheckVersion(self.work, self.described)),
            on_end=lambda tx, pid, reception: self.finished.append(reception),
            habits=self.habits,
        )

    async def run(self) -> Reception:
        return await self.receiver().run(self.transfer, on_progress=self.progress.append)

    def known(self) -> Reception:
        with self.work.read() as tx:
            found = self.receptions.get(tx, CONSUMER_PID)
        assert found is not None
        return found

    def files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}

    @property
    def part(self) -> Path:
        return self.folder / f"{local_id(CONSUMER_PID)}.part"

    @property
    def home(self) -> str:
        return local_id(CONSUMER_PID)

    def reads(self) -> list[int]:
        return [start for kind, start, _ in self.plane.requests if kind == "read"]

    def assert_received(self, reception: Reception, source: bytes | None = None) -> None:
        """I6: one file, the source's bytes; nothing left over."""
        source = self.source if source is None else source
        assert (reception.state, reception.error) == ("done", None)
        expected = {f"{self.home}/tellingen.csv": source}
        if self.sealed:
            expected[f"{self.home}/tellingen.csv.age"] = self.plane.served.data
        assert self.files() == expected
        assert reception.path == f"{self.home}/tellingen.csv"
        assert reception.sha256 == hashlib.sha256(source).hexdigest()
        assert reception.received == reception.expected == len(self.plane.served.data)
        assert self.finished == [reception]

    def assert_failed(self, reception: Reception, words: str) -> None:
        assert reception.state == "failed"
        assert words in (reception.error or "")
        assert self.files() == {}
        assert self.finished == [reception]


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path)
    await rig.publish(SOURCE)
    return rig


# ---- the straight way ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, len(SOURCE)])
async def test_received_and_verified(tmp_path: Path, size: int, sealed: bool) -> None:
    rig = Rig(tmp_path, sealed=sealed, source=SOURCE[:size])
    await rig.publish(SOURCE[:size])
    reception = await rig.run()
    rig.assert_received(reception)
    assert reception.facts is not None
    assert reception.facts["verified"] is True
    assert verify_manifest(reception.manifest or "", public_jwk(rig.provider.keyring)).size == size
    assert rig.progress[-1] == rig.known() == reception


async def test_a_second_run_changes_nothing(rig: Rig) -> None:
    first = await rig.run()
    requests = len(rig.plane.requests)
    assert await rig.run() == first
    assert len(rig.plane.requests) == requests
    assert rig.finished == [first]


async def test_the_plane_is_told_how_much_the_provider_has_to_look_at(rig: Rig) -> None:
    await rig.run()
    assert rig.plane.expected == [len(rig.plane.served.data)]


async def test_progress_is_told_and_recorded(rig: Rig) -> None:
    await rig.run()
    received = [reception.received for reception in rig.progress]
    assert received == sorted(received)
    assert len({reception.received for reception in rig.progress}) >= 2


@pytest.mark.parametrize("wish", ["../../etc/passwd", "a\0b", "..", "CON", "\u202etxt.exe", "x" * 4000, "/", "-rf"])
async def test_names_stay_in_their_folder(tmp_path: Path, wish: str) -> None:
    """T-56."""
    rig = Rig(tmp_path, sealed=False)
    await rig.publish(SOURCE, name=wish)
    reception = await rig.run()
    assert reception.state == "done"
    (name,) = rig.files()
    assert Path(name).parent == Path(rig.home)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["received"]


# ---- interruptions -------------------------------------------------------------------------------------------


OFFSETS = [
    0,
    1,
    199,
    200,
    201,
    216,
    SEALED_CHUNK - 1,
    SEALED_CHUNK,
    SEALED_CHUNK + 1,
    200 + 2 * SEALED_CHUNK,
    500_000,
]


@pytest.mark.parametrize("offset", OFFSETS)
async def test_resumed_where_the_answer_broke_off(rig: Rig, offset: int) -> None:
    rig.plane.faults = [offset]
    reception = await rig.run()
    rig.assert_received(reception)
    assert rig.reads() == [0, offset]
    assert rig.plane.sent == len(rig.plane.served.data), "bytes were sent twice"


async def test_resumed_at_the_last_byte(rig: Rig) -> None:
    size = len(rig.plane.served.data)
    rig.plane.faults = [size - 1]
    rig.assert_received(await rig.run())
    assert rig.reads() == [0, size - 1]


async def test_the_provider_is_away_and_comes_back(rig: Rig) -> None:
    away = PeerUnreachable("connection refused")
    rig.plane.faults = [100_000, away, away, away, 50_000, away]
    rig.assert_received(await rig.run())
    assert rig.plane.sent == len(rig.plane.served.data)


async def test_patience_ends_and_the_next_run_goes_on(rig: Rig) -> None:
    rig.plane.faults = [150_000, *[PeerUnreachable("away")] * 10_000]
    with pytest.raises(PeerUnreachable):
        await rig.run()
    assert rig.known().state == "receiving"
    assert rig.known().received == 150_000
    assert rig.finished == []
    rig.plane.faults = []
    rig.assert_received(await rig.run())
    assert rig.reads()[-1] == 150_000


@pytest.mark.parametrize("file", [1, 2, 3], ids=["what arrives", "what is verified", "what is unsealed"])
async def test_cancelled_while_a_file_is_being_opened(rig: Rig, monkeypatch: pytest.MonkeyPatch, file: int) -> None:
    """Opening locks the file: a lock that nobody holds any more would keep every later run out."""
    begun, released, flock = threading.Event(), threading.Event(), fcntl.flock
    left = iter(range(file - 1, -1, -1))

    def slow(*a: int) -> None:
        flock(*a)
        if next(left, None) == 0:
            begun.set()
            released.wait(5)

    await rig.publish(SOURCE)
    monkeypatch.setattr(fcntl, "flock", slow)
    task = asyncio.create_task(rig.run())
    assert await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    rig.assert_received(await rig.run())


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("runs", [1, 2])
async def test_bytes_are_read_again_for_their_check_only_after_another_run(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, sealed: bool, runs: int
) -> None:
    again: list[int] = []
    pieces = PartFile.pieces

    def counted(part: PartFile, start: int = 0) -> Iterator[bytes]:
        for piece in pieces(part, start):
            again.append(len(piece))
            yield piece

    monkeypatch.setattr(PartFile, "pieces", counted)
    rig.sealed = sealed
    await rig.publish(SOURCE)
    if runs == 2:
        rig.plane.faults = [100_000, *[PeerUnreachable("away")] * 10_000]
        with pytest.raises(PeerUnreachable):
            await rig.run()
    rig.plane.faults = [50_000, 150_000]  # Answers that break off.
    rig.assert_received(await rig.run())
    assert sum(again) == (0 if runs == 1 else len(rig.plane.served.data))


async def test_cancelled_and_run_again(rig: Rig) -> None:
    """The worker's process is told to stop: what has arrived is kept."""
    rig.plane.pause = 0.005
    task = asyncio.create_task(rig.run())
    while rig.plane.sent < 200_000:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    received = rig.known().received
    assert received == rig.part.stat().st_size > 0
    rig.plane.pause = 0
    rig.assert_received(await rig.run())
    assert rig.reads() == [0, received]


@pytest.mark.parametrize("beyond", [b"", b"\0" * 40_000, b"x" * 7])
async def test_after_a_crash_only_recorded_bytes_are_trusted(rig: Rig, beyond: bytes) -> None:
    """D2, D3: bytes behind the recorded number may be anything; they are cut off and fetched again."""
    rig.plane.faults = [200_000, *[PeerUnreachable("away")] * 10_000]
    with pytest.raises(PeerUnreachable):
        await rig.run()
    with rig.part.open("ab") as file:
        file.write(beyond)
    rig.plane.faults = []
    rig.assert_received(await rig.run())
    assert rig.reads()[-1] == 200_000


@pytest.mark.parametrize("size", [0, 199_999])
async def test_a_part_that_lost_recorded_bytes_is_begun_again(rig: Rig, size: int) -> None:
    rig.plane.faults = [200_000, *[PeerUnreachable("away")] * 10_000]
    with pytest.raises(PeerUnreachable):
        await rig.run()
    with rig.part.open("r+b") as file:
        file.truncate(size)
    rig.plane.faults = []
    rig.assert_received(await rig.run())
    assert rig.reads()[-1] == 0


async def test_a_part_that_somebody_removed_is_begun_again(rig: Rig) -> None:
    rig.plane.faults = [200_000, *[PeerUnreachable("away")] * 10_000]
    with pytest.raises(PeerUnreachable):
        await rig.run()
    rig.part.unlink()
    rig.plane.faults = []
    rig.assert_received(await rig.run())


async def test_recorded_bytes_that_rotted_are_noticed(rig: Rig) -> None:
    rig.plane.faults = [300_000, *[PeerUnreachable("away")] * 10_000]
    with pytest.raises(PeerUnreachable):
        await rig.run()
    with rig.part.open("r+b") as file:
        file.seek(150_000)
        file.write(b"rot")
    rig.plane.faults = []
    rig.assert_failed(await rig.run(), "changed")


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_crash_between_naming_and_recording(tmp_path: Path, sealed: bool) -> None:
    """D5, D6: the files have their names, the database does not know yet."""
    rig = Rig(tmp_path, sealed=sealed)
    await rig.publish(SOURCE)
    done = await rig.run()
    with rig.work.begin() as tx:
        rig.receptions.put(tx, replace(done, state="verifying", path=None))
    rig.finished.clear()
    requests = len(rig.plane.requests)
    rig.assert_received(await rig.run())
    assert len(rig.plane.requests) == requests, "the provider was asked again for what is here"


async def test_a_crash_between_the_two_names_of_a_sealed_file(rig: Rig) -> None:
    done = await rig.run()
    with rig.work.begin() as tx:
        rig.receptions.put(tx, replace(done, state="verifying", path=None))
    rig.finished.clear()
    (rig.folder / rig.home / "tellingen.csv").unlink()
    (rig.folder / f"{rig.home}.opening").write_bytes(b"half")
    rig.assert_received(await rig.run())


async def test_verified_files_that_vanished_are_fetched_again(rig: Rig) -> None:
    done = await rig.run()
    with rig.work.begin() as tx:
        rig.receptions.put(tx, replace(done, state="verifying", path=None))
    rig.finished.clear()
    for path in (rig.folder / rig.home).iterdir():
        path.unlink()
    rig.assert_received(await rig.run())


async def test_two_runs_do_not_mix(rig: Rig) -> None:
    rig.plane.pause = 0.005
    first = asyncio.create_task(rig.run())
    while not rig.part.exists() or rig.plane.sent < 100_000:
        await asyncio.sleep(0.001)
    with pytest.raises(Conflict):
        await rig.run()
    rig.assert_received(await first)


async def test_a_full_disk_is_our_fault_and_passes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", full)
        with pytest.raises(NoRoom, match="full"):
            await rig.run()
    assert rig.finished == []
    rig.assert_received(await rig.run())


# ---- tokens and refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [Unauthenticated("the token has expired"), NotFound("unknown token")])
async def test_a_new_token_and_on(rig: Rig, refusal: HansaError) -> None:
    rig.plane.faults = [100_000, refusal]
    rig.assert_received(await rig.run())
    kinds = [kind for kind, _, _ in rig.plane.requests]
    assert kinds == ["manifest", "read", "read", "token", "read"]
    tokens = [authorization for kind, _, authorization in rig.plane.requests if kind == "read"]
    assert tokens[0] == tokens[1] != tokens[2]
    assert [a for kind, _, a in rig.plane.requests if kind == "token"] == ["Bearer self-issued"]
    assert rig.plane.sent == len(rig.plane.served.data)


async def test_the_token_end_point_is_away_for_a_while(rig: Rig) -> None:
    renew, attempts = rig.renew, []

    async def flaky() -> bytes:
        attempts.append(1)
        if len(attempts) < 4:
            raise PeerUnreachable("away")
        return await renew()

    rig.plane.served.renewed = flaky
    rig.plane.faults = [Unauthenticated("expired")]
    rig.assert_received(await rig.run())


async def test_tokens_that_never_help_end_it(rig: Rig) -> None:
    rig.plane.faults = [Unauthenticated("the token has expired") for _ in range(1000)]
    rig.assert_failed(await rig.run(), "expired")
    assert len(rig.plane.requests) < 20


async def test_a_refusal_ends_it_with_the_reasons(rig: Rig) -> None:
    reasons = [{"rule": "permission[0].constraint[0]", "since": "2026-11-20T12:00:00Z"}]
    rig.plane.faults = [200_000, NotAllowed("the policy does not allow this access now", facts={"reasons": reasons})]
    reception = await rig.run()
    rig.assert_failed(reception, "does not allow")
    assert reception.facts is not None
    assert reception.facts["reasons"] == reasons
    assert await rig.run() == reception


async def test_a_suspension_is_a_pause(rig: Rig) -> None:
    suspended = NotAllowed("the transfer is not active", facts={"transferState": "SUSPENDED"})
    rig.plane.faults = [200_000, suspended]
    paused = await rig.run()
    assert (paused.state, paused.received) == ("receiving", 200_000)
    assert rig.finished == []
    rig.assert_received(await rig.run())
    assert rig.reads()[-1] == 200_000


async def test_a_refusal_without_a_state_is_a_pause_where_a_suspension_has_arrived(rig: Rig) -> None:
    """Connectors of another kind do not say why they refuse."""
    with rig.work.begin() as tx:
        rig.transfers.add(tx, replace(rig.transfer, state="SUSPENDED"))
    rig.plane.faults = [200_000, NotAllowed("the peer answers 403")]
    paused = await rig.run()
    assert (paused.state, paused.received, paused.error) == ("receiving", 200_000, "the peer answers 403")
    assert rig.finished == []


async def test_a_terminated_transfer_shows_nothing(rig: Rig) -> None:
    """I6: no bytes visible for a terminated transfer, even where all have arrived."""
    with rig.work.begin() as tx:
        rig.transfers.add(tx, replace(rig.transfer, state="TERMINATED"))
    rig.assert_failed(await rig.run(), "terminated")


async def test_no_data_address(rig: Rig) -> None:
    rig.transfer = replace(rig.transfer, data_address=None)
    rig.assert_failed(await rig.run(), "data address")


# ---- sources that change, bytes that lie ----------------------------------------------------------------------


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_changed_source_is_begun_again_under_a_new_key(tmp_path: Path, sealed: bool) -> None:
    rig = Rig(tmp_path, sealed=sealed)
    await rig.publish(SOURCE)
    first = rig.plane.served
    rig.plane.faults = [300_000, *[PeerUnreachable("away")] * 10_000]
    with pytest.raises(PeerUnreachable):
        await rig.run()
    changed = SOURCE.replace(b",12\n", b",13\n")
    await rig.publish(changed)
    rig.plane.faults = []
    reception = await rig.run()
    rig.assert_received(reception, changed)
    assert rig.reads()[-2:] == [300_000, 0]
    if sealed:
        assert rig.plane.served.data[:180] != first.data[:180], "the same key for two sources"


async def test_a_source_that_changes_in_the_middle_of_a_run(rig: Rig) -> None:
    rig.plane.faults = [300_000]
    real = rig.plane.read
    swapped: list[bool] = []

    def read(*arguments: Any, **named: Any) -> Any:
        if named["start"] and not swapped:
            swapped.append(True)
            rig.plane.served = other
        return real(*arguments, **named)

    changed = SOURCE + b"A2,2026-11-20T00:15:00Z,7\n"
    before, transfer = rig.plane.served, rig.transfer
    await rig.publish(changed)
    other, rig.plane.served, rig.transfer = rig.plane.served, before, transfer
    rig.plane.read = read  # type: ignore[method-assign]
    rig.assert_received(await rig.run(), changed)


async def test_a_peer_that_does_not_know_if_range(rig: Rig) -> None:
    """It sends the rest of another source, and its entity tag gives it away."""
    rig.plane.faults = [300_000, *[PeerUnreachable("away")] * 10_000]
    with pytest.raises(PeerUnreachable):
        await rig.run()
    changed = SOURCE.replace(b",12\n", b",13\n")
    await rig.publish(changed)
    rig.plane.faults, rig.plane.conditions = [], False
    rig.assert_received(await rig.run(), changed)


async def test_a_source_that_changes_for_ever_ends_it(rig: Rig) -> None:
    real = rig.plane.read

    def read(*arguments: Any, **named: Any) -> Any:
        rig.plane.served = replace(rig.plane.served, etag=f"{len(rig.plane.requests)}")
        rig.plane.faults = [1000]
        return real(*arguments, **named)

    rig.plane.read = read  # type: ignore[method-assign]
    rig.assert_failed(await rig.run(), "keep changing")


@pytest.mark.parametrize("place", [0, 30, 180, 199, 200, 300, 200 + SEALED_CHUNK, -1])
async def test_sealed_bytes_that_were_changed(rig: Rig, place: int) -> None:
    data = bytearray(rig.plane.served.data)
    data[place] ^= 1
    rig.plane.served = replace(rig.plane.served, data=bytes(data))
    reception = await rig.run()
    assert reception.state == "failed"
    assert rig.files() == {}


@pytest.mark.parametrize("place", [0, CHUNK, -1])
async def test_plain_bytes_that_were_changed(tmp_path: Path, place: int) -> None:
    rig = Rig(tmp_path, sealed=False)
    await rig.publish(SOURCE)
    data = bytearray(SOURCE)
    data[place] ^= 1
    rig.plane.served = replace(rig.plane.served, data=bytes(data))
    rig.assert_failed(await rig.run(), "SHA-256")


@pytest.mark.parametrize("chunk", range(1, 10))
async def test_a_whole_that_is_cut_at_each_chunk(rig: Rig, chunk: int) -> None:
    """Row 58: a provider (or somebody between) that calls a part the whole."""
    whole = rig.plane.served.data
    for cut in (chunk * SEALED_CHUNK + 199, chunk * SEALED_CHUNK + 200, chunk * SEALED_CHUNK + 201):
        rig.plane.served = replace(rig.plane.served, data=whole[:cut])
        reception = await rig.run()
        assert reception.state == "failed" if cut < len(whole) else "done"
        assert rig.files() == {} or cut >= len(whole)
        with rig.work.begin() as tx:
            rig.receptions.put(
                tx, replace(reception, state="receiving", received=0, manifest=None, expected=None, facts=None)
            )


async def test_more_bytes_than_were_said(rig: Rig) -> None:
    real = rig.plane._chunks

    async def endless(data: bytes, stop: int | None) -> Any:
        while True:
            async for chunk in real(data, stop):
                yield chunk

    rig.plane._chunks = endless  # type: ignore[method-assign]
    rig.assert_failed(await rig.run(), "more bytes than it said")
    assert rig.plane.sent < 2 * len(rig.plane.served.data) + 2_000_000


async def test_a_manifest_with_another_hash(rig: Rig) -> None:
    await forge(rig, sha256="0" * 64)
    rig.assert_failed(await rig.run(), "SHA-256")


@pytest.mark.parametrize("by", [-1, 1])
async def test_a_manifest_with_another_size(rig: Rig, by: int) -> None:
    await forge(rig, size=len(SOURCE) + by)
    reception = await rig.run()
    rig.assert_failed(reception, "number of bytes differs from the manifest")


@pytest.mark.parametrize(
    "change",
    [
        {"agreement": "urn:uuid:other"},
        {"consumer": "did:web:other.example"},
        {"provider": "did:web:other.example"},
        {"asset": "https://provider.example/datasets/other"},
        {"transfer": "urn:uuid:other"},
    ],
)
async def test_a_manifest_about_something_else(rig: Rig, change: dict[str, str]) -> None:
    await forge(rig, **change)
    reception = await rig.run()
    assert reception.state == "failed"
    assert rig.files() == {}
    assert rig.reads() == [], "bytes were fetched before the manifest was checked"


@pytest.mark.parametrize("version", [0, LAST_VERSION + 1, 2**53 - 1])
async def test_a_manifest_with_an_impossible_version(rig: Rig, version: int) -> None:
    await forge(rig, version=version)
    rig.assert_failed(await rig.run(), "«version» is not the number of a version")
    assert rig.reads() == []
    # A receipt of an earlier release may state it.
    assert read_kept(rig.plane.served.manifest.decode()).version == version


@pytest.mark.parametrize("sealed", [True, False])
async def test_the_bytes_of_another_file_of_the_same_version(tmp_path: Path, sealed: bool) -> None:
    """The description names both files; the manifest gives the bytes of one the name of the other."""
    for name, verdict in (("tellingen.csv", "description"), ("a.csv", "names other files")):
        rig = Rig(tmp_path / name, sealed=sealed)
        await rig.publish(SOURCE)
        with rig.provider.work.read() as tx:
            record = rig.provider.records.get(tx, rig.transfer.dataset, version=1)
        assert record is not None
        other = File(name="a.csv", media_type="text/csv", size=1, sha256="ab" * 32)
        with rig.work.begin() as tx:
            signature = {SIGNATURE: "signed"}
            rig.described.add(tx, replace(record, files=(other, *record.files), extra=signature))
        await forge(rig, name=name)
        reception = await rig.run()
        if verdict == "description":
            assert (reception.state, (reception.facts or {})["versionBy"]) == ("done", verdict)
        else:
            rig.assert_failed(reception, verdict)


@pytest.mark.parametrize("file", ["a.csv", "tellingen.csv"])
async def test_the_file_that_was_requested_and_another(rig: Rig, file: str) -> None:
    rig.transfer = replace(rig.transfer, file=file)
    reception = await rig.run()
    if file == "tellingen.csv":
        rig.assert_received(reception)
    else:
        rig.assert_failed(reception, "another file than the one that was requested")
        assert rig.reads() == []


async def forge(rig: Rig, **changes: Any) -> None:
    """The provider itself signs something that is not so."""
    manifest: Manifest = verify_manifest(rig.plane.served.manifest.decode(), public_jwk(rig.provider.keyring))
    rig.plane.served.manifest = replace(manifest, **changes).sign(rig.provider.keyring).encode()


async def test_a_manifest_that_somebody_else_signed(rig: Rig) -> None:
    rig.key = partial(public_jwk, SeedKeyRing("did:web:other.example"))
    reception = await rig.run()
    assert reception.state == "failed"
    assert "signature" in (reception.error or "")


async def test_a_key_that_the_provider_does_not_name(rig: Rig) -> None:
    def unknown() -> dict[str, Any]:
        raise Unauthenticated("the DID document has no key of this id")

    rig.key = unknown
    rig.assert_failed(await rig.run(), "no key of this id")


async def test_a_document_that_cannot_be_fetched_now(rig: Rig) -> None:
    keys, tries = rig.key, []

    def away() -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise PeerUnreachable("away")
        return keys()

    rig.key = away
    rig.assert_received(await rig.run())


@pytest.mark.parametrize("manifest", [b"", b"\xff\xfe", b"<html>", b"a.b.c"])
async def test_a_manifest_that_is_none(rig: Rig, manifest: bytes) -> None:
    rig.plane.served.manifest = manifest
    assert (await rig.run()).state == "failed"


async def test_sealed_for_another_key_than_ours(rig: Rig) -> None:
    """T-60: the manifest names another recipient."""
    rig.provider.consumer = SeedKeyRing("did:web:other.example")
    await rig.publish(SOURCE)
    rig.provider.consumer = SeedKeyRing(CONSUMER)
    rig.assert_failed(await rig.run(), "another key than ours")


async def test_sealed_for_another_key_whatever_the_manifest_says(rig: Rig) -> None:
    """T-60: the manifest is right, the file is not."""
    other = SeedKeyRing("did:web:other.example").seal_public_key()
    plan = SealPlan(SealSecrets.fresh(other, hashlib.sha256(SOURCE).hexdigest(), len(SOURCE)))

    async def read(start: int, end: int) -> Any:
        return await rig.assets.open(hashlib.sha256(SOURCE).hexdigest(), start=start, end=end)

    data = b"".join([part async for part in plan.sealed_range(0, plan.sealed_size, read)])
    assert len(data) == len(rig.plane.served.data)
    rig.plane.served = replace(rig.plane.served, data=data)
    rig.assert_failed(await rig.run(), "not sealed for this key")


# ---- connectors of another kind -------------------------------------------------------------------------------


async def test_a_provider_without_manifests(tmp_path: Path) -> None:
    rig = Rig(tmp_path, sealed=False)
    await rig.publish(SOURCE)
    rig.transfer = foreign(rig.transfer)
    reception = await rig.run()
    assert reception.state == "done"
    assert reception.facts is not None
    assert reception.facts["verified"] is False
    assert reception.manifest is None
    assert rig.files() == {f"{rig.home}/traffic-counts": SOURCE}
    assert "version" not in reception.facts


async def test_a_provider_without_manifests_is_not_believed_about_a_version(tmp_path: Path) -> None:
    rig = Rig(tmp_path, sealed=False)
    await rig.publish(SOURCE)
    rig.transfer = replace(foreign(rig.transfer), asset_version=1)
    reception = await rig.run()
    assert reception.state == "failed"
    assert "version 1 was requested, and the provider sends no signed manifest" in str(reception.error)
    assert rig.files() == {}


@pytest.mark.parametrize("refusal", [NotAllowed, Unauthenticated, NotFound])
async def test_a_token_that_is_refused_is_said_in_its_other_form_once(
    tmp_path: Path, refusal: type[HansaError]
) -> None:
    """EDC's public API says that its token is a bearer token, and answers 403 to ``Bearer …``."""
    rig = Rig(tmp_path, sealed=False)
    await rig.publish(SOURCE)
    rig.transfer = foreign(rig.transfer)
    rig.plane.faults = [refusal("the peer answers 403"), 100_000]
    assert (await rig.run()).state == "done"
    bearer, token, again = (authorization for _, _, authorization in rig.plane.requests)
    assert bearer == f"Bearer {token}"
    assert again == token


async def test_a_token_that_is_refused_in_both_forms_is_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, sealed=False)
    await rig.publish(SOURCE)
    rig.transfer = foreign(rig.transfer)
    rig.plane.faults = [NotAllowed("the peer answers 403"), NotAllowed("the agreement has ended")]
    rig.assert_failed(await rig.run(), "the agreement has ended")
    assert len(rig.plane.requests) == 2


async def test_a_node_is_told_its_token_in_one_form_only(rig: Rig) -> None:
    rig.plane.faults = [NotAllowed("the credential was revoked")]
    rig.assert_failed(await rig.run(), "revoked")
    assert rig.reads() == [0]


async def test_without_a_tag_and_a_manifest_nothing_is_glued(tmp_path: Path) -> None:
    rig = Rig(tmp_path, sealed=False)
    await rig.publish(SOURCE)
    rig.transfer = foreign(rig.transfer)
    rig.plane.served.etag = None
    rig.plane.faults = [100_000]
    assert (await rig.run()).state == "done"
    assert rig.reads() == [0, 0]


async def test_a_provider_without_ranges(rig: Rig) -> None:
    rig.plane.ranges = False
    rig.plane.faults = [100_000]
    rig.assert_received(await rig.run())
    assert rig.reads() == [0, 100_000, 0]


def foreign(transfer: Transfer) -> Transfer:
    assert transfer.data_address is not None
    properties = [
        p for p in transfer.data_address["endpointProperties"] if not p["name"].startswith("https://w3id.org/hansa")
    ]
    return replace(transfer, data_address={**transfer.data_address, "endpointProperties": properties})


def test_ids_of_ours_become_file_names() -> None:
    assert local_id(CONSUMER_PID) == CONSUMER_PID.removeprefix("urn:uuid:")
    for pid in ("urn:uuid:../../x", "urn:uuid:" + "A" * 36, "", "/etc/passwd"):
        assert len(local_id(pid)) == 32
        assert local_id(pid).isalnum()
