"""The contract of ``SinkConnection``: folders of this machine, a scripted bucket and web server, and versitygw.

Tables of ``PostgisConnection`` go through it in ``tests.contract.test_table_sinks``, and entities of
``NgsiLdConnection`` in ``tests.contract.test_entity_sinks``: their places are no paths.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from node.adapters.datasources import folder_deposits
from node.adapters.datasources.folder import FolderConnection, FolderConnector
from node.adapters.datasources.s3 import S3Connection, S3Connector
from node.adapters.datasources.web import WebConnection, WebConnector
from node.adapters.egress import Egress
from node.base.clock import SystemClock
from node.base.errors import HansaError, InvalidInput, NoRoom
from node.datasources.errors import DataSourceRefuses, DataSourceUnreachable, SinkOccupied, SinkRefuses
from node.datasources.model import Credentials, Scheme, Setup
from node.datasources.ports import Question
from node.datasources.sinks import WAIT, Parcel, SinkConnection
from tests.live_peers import live
from tests.simulator.http_servers import served
from tests.simulator.s3_sinks import BucketSink, Stored
from tests.simulator.web_sinks import WebSink

BODY = b"hour,count\n" + b"1,2\n" * 3_000_000  # 12 MB: more parts than one, where parts are small.
OTHER = b"something else\n"


@dataclass
class Subject:
    """A sink, with a folder for the files that are sent to it."""

    sink: Any
    home: Path

    def parcel(self, body: bytes = BODY, path: str = "in/counts.csv", **more: Any) -> Parcel:
        sha256 = hashlib.sha256(body).hexdigest()
        file = self.home / sha256
        file.write_bytes(body)
        named = f"p{sha256[:8]}"
        return Parcel(id=named, file=file, path=path, size=len(body), sha256=sha256, media_type="text/csv", **more)

    async def content(self, path: str) -> bytes | None:
        """What a reader of the same data source sees at a place."""
        try:
            async with self.sink.read(path, Question()) as extract:
                return b"".join([chunk async for chunk in extract.chunks])
        except HansaError:
            return None


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@dataclass
class Notes:
    """The last note of an upload, and how many there were. ``fails_after``: the process ends there."""

    progress: Mapping[str, Any] | None = None
    count: int = 0
    fails_after: int | None = None

    async def __call__(self, progress: Mapping[str, Any]) -> None:
        self.progress = dict(progress)
        self.count += 1
        if self.count == self.fails_after:
            raise RuntimeError("the process ends")


def small_parts(connection: S3Connection) -> S3Connection:
    """Parts of 5 MB, the least that S3 takes."""
    connection._uploads._small = 5 << 20
    return connection


def bucket(egress: Egress, address: str, user: str = "writer", secret: str = "writer-secret") -> S3Connection:
    credentials = Credentials(scheme=Scheme.BASIC, name=user, secret=secret)
    setup = Setup(name="s3", address=address, credentials=credentials)
    connection = S3Connector(egress, SystemClock()).connect(setup)
    assert isinstance(connection, S3Connection)
    return small_parts(connection)


@pytest.fixture(scope="module")
def versitygw() -> Iterator[str]:
    with live("s3") as peer:
        yield f"{peer['S3_ENDPOINT']}/city/"


def web(egress: Egress, address: str, options: dict[str, str] | None = None) -> WebConnection:
    credentials = Credentials(scheme=Scheme.BEARER, secret="writer-secret")
    setup = Setup(name="web", address=address, credentials=credentials, options=options or {})
    connection = WebConnector(egress).connect(setup)
    assert isinstance(connection, WebConnection)
    return connection


@pytest.fixture(params=["folder", "bucket", "web", "versitygw"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    home = tmp_path / "received"
    home.mkdir()
    async with AsyncExitStack() as stack:
        egress = await stack.enter_async_context(Egress(allow_loopback=True))
        if request.param == "folder":
            root = tmp_path / "open"
            root.mkdir()
            connection = FolderConnector([root], tmp_path / "node").connect(Setup(name="f", address=str(root)))
            assert isinstance(connection, FolderConnection)
            yield Subject(connection, home)
        elif request.param == "web":
            intake = WebSink()
            _, address = await stack.enter_async_context(served(lambda address: (intake.app(), address)))
            yield Subject(web(egress, f"{address.url}/intake/"), home)
        elif request.param == "bucket":
            server = BucketSink()
            _, address = await stack.enter_async_context(served(lambda address: (server.app(), address)))
            yield Subject(bucket(egress, f"{address.url}/city/"), home)
        else:
            address = request.getfixturevalue("versitygw")
            yield Subject(bucket(egress, f"{address}{tmp_path.name}/"), home)


async def test_a_file_arrives_whole_and_is_recognised(subject: Subject) -> None:
    assert isinstance(subject.sink, SinkConnection)
    assert await subject.sink.deposit(subject.parcel(), Notes()) is True
    assert await subject.content("in/counts.csv") == BODY
    assert await subject.sink.deposit(subject.parcel(), Notes()) is False
    assert await subject.content("in/counts.csv") == BODY


@pytest.mark.parametrize("body", [b"", b"x"])
async def test_tiny_files_arrive(subject: Subject, body: bytes) -> None:
    assert await subject.sink.deposit(subject.parcel(body, "tiny.csv"), Notes()) is True
    known = await subject.sink.remove("tiny.csv", hashlib.sha256(body).hexdigest())
    assert known is True


async def test_odd_names_arrive(subject: Subject) -> None:
    path = "räume & plätze/žluťoučký +100% (1).csv"
    assert await subject.sink.deposit(subject.parcel(OTHER, path), Notes()) is True
    assert await subject.content(path) == OTHER


async def test_what_others_put_there_stays(subject: Subject) -> None:
    await subject.sink.deposit(subject.parcel(OTHER), Notes())
    with pytest.raises(SinkOccupied):
        await subject.sink.deposit(subject.parcel(), Notes())
    assert await subject.content("in/counts.csv") == OTHER


async def test_an_earlier_version_is_replaced_if_it_is_still_that(subject: Subject) -> None:
    await subject.sink.deposit(subject.parcel(OTHER), Notes())
    with pytest.raises(SinkOccupied):
        await subject.sink.deposit(subject.parcel(replaces="0" * 64), Notes())
    earlier = hashlib.sha256(OTHER).hexdigest()
    assert await subject.sink.deposit(subject.parcel(replaces=earlier), Notes()) is True
    assert await subject.content("in/counts.csv") == BODY


async def test_a_copy_is_removed_only_if_it_is_that_copy(subject: Subject) -> None:
    sha256 = hashlib.sha256(BODY).hexdigest()
    assert await subject.sink.remove("in/counts.csv", sha256) is False
    await subject.sink.deposit(subject.parcel(), Notes())
    with pytest.raises(SinkOccupied):
        await subject.sink.remove("in/counts.csv", "0" * 64)
    assert await subject.sink.remove("in/counts.csv", sha256) is True
    assert await subject.content("in/counts.csv") is None


@pytest.mark.parametrize("path", ["", "../x", "a/../../x", "/x", "a//b", "a/", ".x", "a/.b/c", "a\nb", "a\\b"])
async def test_no_place_leads_out(subject: Subject, path: str) -> None:
    for call in (
        subject.sink.deposit(subject.parcel(OTHER, path), Notes()),
        subject.sink.remove(path, "0" * 64),
    ):
        with pytest.raises(InvalidInput):
            await call


async def test_an_interrupted_upload_is_invisible_and_continues(subject: Subject) -> None:
    notes = Notes(fails_after=3)
    if isinstance(subject.sink, FolderConnection | WebConnection):
        pytest.skip("folders and web servers note nothing")
    with pytest.raises(RuntimeError):
        await subject.sink.deposit(subject.parcel(), notes)
    assert await subject.content("in/counts.csv") is None
    assert notes.progress is not None
    rest = Notes()
    assert await subject.sink.deposit(subject.parcel(progress=notes.progress), rest) is True
    assert rest.count == 1  # One part of three was missing.
    assert await subject.content("in/counts.csv") == BODY


async def test_an_upload_that_is_given_up_leaves_nothing(subject: Subject) -> None:
    notes = Notes(fails_after=3)
    if not isinstance(subject.sink, FolderConnection | WebConnection):
        with pytest.raises(RuntimeError):
            await subject.sink.deposit(subject.parcel(), notes)
    parcel = subject.parcel(progress=notes.progress or {})
    await subject.sink.abandon(parcel)
    await subject.sink.abandon(parcel)
    assert await subject.content("in/counts.csv") is None
    # Forgotten parts are sent again.
    assert await subject.sink.deposit(parcel, Notes()) is True
    assert await subject.content("in/counts.csv") == BODY


class TestFolders:
    """What only folders can do wrong."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "open"
        root.mkdir()
        return root

    @pytest.fixture
    def subject(self, root: Path, tmp_path: Path) -> Subject:
        (tmp_path / "received").mkdir()
        sink = FolderConnector([root], tmp_path / "node").connect(Setup(name="f", address=str(root)))
        return Subject(sink, tmp_path / "received")

    async def test_a_half_copy_is_hidden_and_continued(self, subject: Subject, root: Path) -> None:
        parcel = subject.parcel(path="counts.csv")
        part = root / f".hansa-{parcel.id}.part"
        part.write_bytes(BODY[:5_000_000] + b"torn" * 1_000_000)
        assert await subject.sink.items(10) == []
        assert await subject.sink.deposit(parcel, Notes()) is True
        assert (root / "counts.csv").read_bytes() == BODY
        assert [path.name for path in root.iterdir()] == ["counts.csv"]

    async def test_a_kill_between_naming_and_cleaning_is_mended(self, subject: Subject, root: Path) -> None:
        parcel = subject.parcel(path="counts.csv")
        for name in ("counts.csv", f".hansa-{parcel.id}.part"):
            (root / name).write_bytes(BODY)
        assert await subject.sink.deposit(parcel, Notes()) is False
        assert [path.name for path in root.iterdir()] == ["counts.csv"]

    async def test_links_are_not_followed(self, subject: Subject, root: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "x.csv").write_bytes(b"theirs")
        (root / "way").symlink_to(outside)
        (root / "x.csv").symlink_to(outside / "x.csv")
        with pytest.raises(SinkRefuses):
            await subject.sink.deposit(subject.parcel(OTHER, "way/y.csv"), Notes())
        with pytest.raises(SinkOccupied):
            await subject.sink.deposit(subject.parcel(OTHER, "x.csv"), Notes())
        with pytest.raises(SinkOccupied):
            await subject.sink.remove("x.csv", hashlib.sha256(b"theirs").hexdigest())
        assert [path.name for path in outside.iterdir()] == ["x.csv"]
        assert (outside / "x.csv").read_bytes() == b"theirs"

    async def test_a_folder_that_is_gone_is_tried_again(self, subject: Subject, root: Path) -> None:
        root.rmdir()
        for call in (subject.sink.deposit(subject.parcel(OTHER), Notes()), subject.sink.remove("in/x.csv", "0" * 64)):
            with pytest.raises(DataSourceUnreachable):
                await call

    async def test_a_version_that_changes_while_it_is_replaced_stays(
        self, subject: Subject, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await subject.sink.deposit(subject.parcel(OTHER, "x.csv"), Notes())
        finish = folder_deposits._Copy.finish

        def change(copy: Any) -> None:
            finish(copy)
            (root / "x.csv").write_bytes(b"theirs\n")

        monkeypatch.setattr(folder_deposits._Copy, "finish", change)
        with pytest.raises(SinkOccupied, match="changed"):
            await subject.sink.deposit(subject.parcel(BODY, "x.csv", replaces=sha(OTHER)), Notes())
        assert (root / "x.csv").read_bytes() == b"theirs\n"
        # One that is deleted meanwhile leaves a free place.
        monkeypatch.setattr(folder_deposits._Copy, "finish", lambda copy: (finish(copy), (root / "x.csv").unlink()))
        parcel = subject.parcel(BODY, "x.csv", replaces=sha(b"theirs\n"))
        assert await subject.sink.deposit(parcel, Notes()) is True
        assert [path.name for path in root.iterdir()] == ["x.csv"]

    async def test_a_copy_that_changes_while_it_is_hashed_is_not_deleted(
        self, subject: Subject, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await subject.sink.deposit(subject.parcel(OTHER, "x.csv"), Notes())
        unlink = folder_deposits._Place.unlink

        def change(place: Any, path: str) -> None:
            (root / "x.csv").write_bytes(b"theirs\n")
            unlink(place, path)

        monkeypatch.setattr(folder_deposits._Place, "unlink", change)
        with pytest.raises(SinkOccupied, match="changed"):
            await subject.sink.remove("x.csv", sha(OTHER))
        assert (root / "x.csv").read_bytes() == b"theirs\n"

    async def test_a_changed_file_is_never_named(self, subject: Subject, root: Path) -> None:
        parcel = subject.parcel(OTHER, "x.csv")
        parcel.file.write_bytes(b"something odd!\n")
        with pytest.raises(HansaError, match="changed"):
            await subject.sink.deposit(parcel, Notes())
        assert await subject.sink.items(10) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB of its own."""
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(root)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield root
    subprocess.run(["umount", str(root)], check=True, capture_output=True)


async def test_a_full_disk_is_said_and_the_rest_arrives_when_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "received").mkdir()
    sink: Any = FolderConnector([small_disk], tmp_path / "node").connect(Setup(name="f", address=str(small_disk)))
    subject = Subject(sink, tmp_path / "received")
    body = BODY[: 3 << 20]
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    for _ in range(2):
        with pytest.raises(NoRoom) as raised:
            await sink.deposit(subject.parcel(body), Notes())
        assert "make room" in raised.value.remedy
        # Readers see nothing of it, and what others have is untouched.
        assert [item.path for item in await sink.items(10)] == ["ballast"]
        assert ballast.read_bytes() == bytes(2 << 20)
    ballast.unlink()
    assert await sink.deposit(subject.parcel(body), Notes()) is True
    assert (small_disk / "in" / "counts.csv").read_bytes() == body
    assert [path.name for path in (small_disk / "in").iterdir()] == ["counts.csv"]
    # A deposit that is given up on a full disk leaves no hidden copy.
    ballast.write_bytes(bytes(900_000))
    parcel = subject.parcel(OTHER * 50_000, "more.csv")
    with pytest.raises(NoRoom):
        await sink.deposit(parcel, Notes())
    await sink.abandon(parcel)
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "in"]


class TestBuckets:
    """What a bucket may answer."""

    @pytest.fixture
    async def scripted(self, tmp_path: Path) -> AsyncIterator[tuple[BucketSink, Subject]]:
        async with AsyncExitStack() as stack:
            egress = await stack.enter_async_context(Egress(allow_loopback=True))
            server = BucketSink()
            _, address = await stack.enter_async_context(served(lambda address: (server.app(), address)))
            yield server, Subject(bucket(egress, f"{address.url}/city/"), tmp_path)

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (301, SinkRefuses),
            (400, SinkRefuses),
            (403, DataSourceRefuses),
            (409, DataSourceUnreachable),
            (429, DataSourceUnreachable),
            (500, DataSourceUnreachable),
            (503, DataSourceUnreachable),
            (507, DataSourceUnreachable),
        ],
    )
    async def test_refusals_and_faults(
        self, scripted: tuple[BucketSink, Subject], status: int, error: type[HansaError]
    ) -> None:
        server, subject = scripted
        server.fault = status
        with pytest.raises(error) as raised:
            await subject.sink.deposit(subject.parcel(OTHER), Notes())
        assert isinstance(raised.value, DataSourceRefuses) is (status == 403)
        assert raised.value.remedy
        server.fault = 0
        assert await subject.content("in/counts.csv") is None

    async def test_a_rival_between_look_and_write_keeps_its_object(
        self, scripted: tuple[BucketSink, Subject]
    ) -> None:
        server, subject = scripted
        for body in (OTHER, BODY):
            server.objects.clear()
            server.rival = b"theirs"
            with pytest.raises(SinkOccupied):
                await subject.sink.deposit(subject.parcel(body), Notes())
            assert [stored.body for stored in server.objects.values()] == [b"theirs"]

    async def test_an_end_that_was_not_heard_is_recognised(self, scripted: tuple[BucketSink, Subject]) -> None:
        server, subject = scripted
        server.deaf_end = True
        notes = Notes()
        with pytest.raises(DataSourceUnreachable):
            await subject.sink.deposit(subject.parcel(), notes)
        assert await subject.sink.deposit(subject.parcel(progress=notes.progress or {}), Notes()) is False
        assert await subject.content("in/counts.csv") == BODY

    @pytest.mark.parametrize("body", [OTHER, BODY])
    async def test_a_bucket_with_versions_keeps_none_of_ours(
        self, scripted: tuple[BucketSink, Subject], body: bytes
    ) -> None:
        server, subject = scripted
        server.is_versioned = True
        first = b"the first version\n"
        await subject.sink.deposit(subject.parcel(first), Notes())
        assert await subject.sink.deposit(subject.parcel(body, replaces=sha(first)), Notes()) is True
        assert [stored and stored.body for _, stored in server.versions["in/counts.csv"]] == [body]
        assert await subject.sink.remove("in/counts.csv", sha(body)) is True
        assert server.versions["in/counts.csv"] == []
        assert await subject.sink.remove("in/counts.csv", sha(body)) is False

    @pytest.mark.parametrize("body", [OTHER, BODY])
    async def test_a_replaced_version_is_deleted_after_an_end_that_was_not_heard(
        self, scripted: tuple[BucketSink, Subject], body: bytes
    ) -> None:
        server, subject = scripted
        first = b"the first version\n"
        await subject.sink.deposit(subject.parcel(first), Notes())
        server.is_versioned = server.deaf_put = True  # The bucket keeps versions only from now on.
        notes = Notes()
        with pytest.raises(DataSourceUnreachable):
            await subject.sink.deposit(subject.parcel(body, replaces=sha(first)), notes)
        assert len(server.versions["in/counts.csv"]) == 2
        again = subject.parcel(body, replaces=sha(first), progress=notes.progress or {})
        assert await subject.sink.deposit(again, Notes()) is False
        assert [stored and stored.body for _, stored in server.versions["in/counts.csv"]] == [body]

    async def test_a_replaced_version_that_may_not_be_deleted_is_never_forgotten(
        self, scripted: tuple[BucketSink, Subject]
    ) -> None:
        server, subject = scripted
        server.is_versioned = server.is_guarded = True
        await subject.sink.deposit(subject.parcel(BODY), Notes())
        parcel = subject.parcel(OTHER, replaces=sha(BODY))
        for _ in range(2):  # The second attempt knows nothing of the first.
            with pytest.raises(SinkRefuses, match="version") as raised:
                await subject.sink.deposit(parcel, Notes())
            assert "by hand" in raised.value.remedy
        # Somebody deleted it and said so: nothing is to be replaced any more.
        assert await subject.sink.deposit(subject.parcel(OTHER), Notes()) is False

    async def test_nothing_is_called_deleted_of_which_a_version_may_remain(
        self, scripted: tuple[BucketSink, Subject]
    ) -> None:
        server, subject = scripted
        server.is_versioned = True
        server.put("in/counts.csv", Stored(b"an earlier one\n", {}))
        server.put("in/counts.csv", None)
        await subject.sink.deposit(subject.parcel(OTHER), Notes())
        server.is_guarded = True
        for keeps in (r"keeps versions .* \(AccessDenied\)", "keeps earlier versions", "was deleted"):
            with pytest.raises(SinkRefuses, match=keeps) as raised:
                await subject.sink.remove("in/counts.csv", sha(OTHER))
            assert "hansa shipment removed" in raised.value.remedy
            server.is_guarded = False
        server.is_silent = True
        await subject.sink.deposit(subject.parcel(OTHER, "new.csv"), Notes())
        with pytest.raises(SinkRefuses, match="keeps versions"):
            await subject.sink.remove("new.csv", sha(OTHER))

    @pytest.mark.parametrize(("body", "heeds"), [(OTHER, True), (BODY, True), (BODY, False)])
    async def test_a_version_that_changes_while_it_is_replaced_stays(
        self, scripted: tuple[BucketSink, Subject], body: bytes, heeds: bool
    ) -> None:
        server, subject = scripted
        server.heeds = heeds
        first = b"the first version\n"
        await subject.sink.deposit(subject.parcel(first), Notes())

        async def change(_progress: Any) -> None:
            server.objects["in/counts.csv"] = Stored(b"theirs", {})

        server.rival = b"theirs" if body is OTHER else b""
        with pytest.raises(SinkOccupied):
            await subject.sink.deposit(subject.parcel(body, replaces=sha(first)), change)
        assert [stored.body for stored in server.objects.values()] == [b"theirs"]

    async def test_a_stranger_is_refused_by_versitygw(self, versitygw: str, tmp_path: Path) -> None:
        async with Egress(allow_loopback=True) as egress:
            wrong = Subject(bucket(egress, versitygw, "writer", "wrong"), tmp_path)
            with pytest.raises(DataSourceRefuses):
                await wrong.sink.deposit(wrong.parcel(OTHER, "refused.csv"), Notes())
            reader = Subject(bucket(egress, versitygw, "reader", "reader-secret"), tmp_path)
            with pytest.raises(DataSourceRefuses):
                await reader.sink.deposit(replace(reader.parcel(OTHER), path="refused.csv"), Notes())


class TestWebServers:
    """What a web server may answer."""

    @pytest.fixture
    async def scripted(self, tmp_path: Path) -> AsyncIterator[tuple[WebSink, Subject]]:
        async with AsyncExitStack() as stack:
            egress = await stack.enter_async_context(Egress(allow_loopback=True))
            server = WebSink()
            _, address = await stack.enter_async_context(served(lambda address: (server.app(), address)))
            yield server, Subject(web(egress, f"{address.url}/intake/"), tmp_path)

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (301, SinkRefuses),
            (400, SinkRefuses),
            (403, DataSourceRefuses),
            (409, SinkOccupied),
            (412, SinkOccupied),
            (413, SinkRefuses),
            (429, DataSourceUnreachable),
            (500, DataSourceUnreachable),
            (501, SinkRefuses),
            (503, DataSourceUnreachable),
            (507, DataSourceUnreachable),
        ],
    )
    async def test_refusals_and_faults(
        self, scripted: tuple[WebSink, Subject], status: int, error: type[HansaError]
    ) -> None:
        server, subject = scripted
        server.fault, server.methods = status, ("PUT",)
        with pytest.raises(error) as raised:
            await subject.sink.deposit(subject.parcel(OTHER), Notes())
        assert raised.value.remedy
        assert raised.value.facts == ({WAIT: "120"} if status in (429, 503) else {})
        assert server.files == {}

    async def test_the_digest_and_the_credentials_are_sent(self, scripted: tuple[WebSink, Subject]) -> None:
        server, subject = scripted
        await subject.sink.deposit(subject.parcel(OTHER), Notes())
        method, headers = server.requests[-1]
        assert (method, headers["if-none-match"], headers["content-type"]) == ("PUT", "*", "text/csv")
        assert headers["authorization"] == "Bearer writer-secret"

    async def test_a_rival_between_look_and_write_keeps_its_file(self, scripted: tuple[WebSink, Subject]) -> None:
        server, subject = scripted
        server.rival = b"theirs"
        with pytest.raises(SinkOccupied):
            await subject.sink.deposit(subject.parcel(OTHER), Notes())
        assert list(server.files.values()) == [b"theirs"]

    async def test_a_longer_answer_is_other_content_at_once(self, scripted: tuple[WebSink, Subject]) -> None:
        server, subject = scripted
        server.is_endless = True
        with pytest.raises(SinkOccupied):
            await subject.sink.deposit(subject.parcel(OTHER), Notes())

    async def test_an_end_that_was_not_heard_is_recognised(self, scripted: tuple[WebSink, Subject]) -> None:
        server, subject = scripted
        server.deaf_end = True
        with pytest.raises(DataSourceUnreachable):
            await subject.sink.deposit(subject.parcel(), Notes())
        assert await subject.sink.deposit(subject.parcel(), Notes()) is False

    async def test_a_place_that_cannot_be_read_is_never_replaced_or_deleted(
        self, scripted: tuple[WebSink, Subject]
    ) -> None:
        server, subject = scripted
        server.fault, server.methods = 405, ("HEAD", "GET")
        assert await subject.sink.deposit(subject.parcel(OTHER), Notes()) is True
        earlier = hashlib.sha256(OTHER).hexdigest()
        with pytest.raises(SinkOccupied):
            await subject.sink.deposit(subject.parcel(replaces=earlier), Notes())
        with pytest.raises(SinkRefuses, match="cannot see"):
            await subject.sink.remove("in/counts.csv", earlier)
        assert list(server.files.values()) == [OTHER]

    async def test_a_server_that_deletes_nothing_is_said(self, scripted: tuple[WebSink, Subject]) -> None:
        server, subject = scripted
        await subject.sink.deposit(subject.parcel(OTHER), Notes())
        server.fault, server.methods = 405, ("DELETE",)
        with pytest.raises(SinkRefuses, match="lets nobody delete") as raised:
            await subject.sink.remove("in/counts.csv", hashlib.sha256(OTHER).hexdigest())
        assert "by hand" in raised.value.remedy

    async def test_a_repeated_post_has_the_same_key(self, scripted: tuple[WebSink, Subject], tmp_path: Path) -> None:
        server, subject = scripted
        async with Egress(allow_loopback=True) as egress:
            poster = Subject(web(egress, subject.sink._address, {"method": "post"}), tmp_path)
            server.deaf_end = True
            with pytest.raises(DataSourceUnreachable):
                await poster.sink.deposit(poster.parcel(OTHER), Notes())
            assert await poster.sink.deposit(poster.parcel(OTHER), Notes()) is True
            assert list(server.posts.values()) == [OTHER]
            with pytest.raises(SinkRefuses, match="cannot see"):
                await poster.sink.remove("in/counts.csv", hashlib.sha256(OTHER).hexdigest())
            with pytest.raises(InvalidInput):
                web(egress, subject.sink._address, {"method": "patch"})
