"""Files that arrive in pieces, over tus 1.0.0: what came stays, what was changed on its way does not count."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from node.cli.exits import DONE
from node.exchange.resumable import MOST
from node.identity.model import UserRole
from tests.terminal import typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

    from tests.nodes import Running

CLIENT = "4.3.1"
"""The version of ``tus-js-client``."""

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def checksum(data: bytes, algorithm: str = "sha256") -> dict[str, str]:
    digest = hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


@pytest.fixture
def http(city: Running) -> Iterator[httpx2.Client]:
    """A client that speaks for the administrator of ``city``."""
    with city.http(headers=city.person()) as http:
        yield http


def begin(http: httpx2.Client, size: int, name: str = "counts.csv", mark: str = "") -> str:
    """Announce a file; return its address."""
    metadata = f"filename {encoded(name)}" + (f",fingerprint {encoded(mark)}" if mark else "")
    answer = http.post("/api/uploads", headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Offset"] == "0"
    return str(answer.headers["Location"])


def send(http: httpx2.Client, address: str, offset: int, data: bytes, **headers: str) -> httpx2.Response:
    return http.patch(address, headers={**PIECE, "Upload-Offset": str(offset), **headers}, content=data)


def arrived(http: httpx2.Client, address: str) -> int:
    answer = http.head(address, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return int(answer.headers["Upload-Offset"])


def test_a_file_comes_in_pieces_and_becomes_a_file_of_the_node(city: Running, http: httpx2.Client) -> None:
    data = os.urandom(300_000)
    address = begin(http, len(data), "räume.csv", mark="räume.csv 300000 1")
    assert address.startswith(city.url)
    assert send(http, address, 0, data[:100_000], **checksum(data[:100_000])).status_code == 204
    assert arrived(http, address) == 100_000

    listed = http.get("/api/uploads").json()["uploads"]
    (mine,) = [upload for upload in listed if upload["url"] == address]
    assert (mine["name"], mine["size"], mine["received"]) == ("räume.csv", 300_000, 100_000)
    assert mine["fingerprint"] == "räume.csv 300000 1"

    early = http.post("/api/files", params={"upload": mine["id"]})
    assert early.status_code == 409
    assert "100000 of 300000 bytes have arrived" in early.json()["detail"]

    done = send(http, address, 100_000, data[100_000:], **checksum(data[100_000:], "sha1"))
    assert (done.status_code, done.headers["Upload-Offset"]) == (204, "300000")
    file = http.post("/api/files", params={"upload": mine["id"]}, headers={"Content-Type": "text/csv"})
    assert file.status_code == 201, file.text
    assert file.json() == {
        "name": "räume.csv",
        "mediaType": "text/csv",
        "size": 300_000,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert http.head(address, headers=TUS).status_code == 404


def test_a_changed_piece_does_not_count(http: httpx2.Client) -> None:
    address = begin(http, 10)
    assert send(http, address, 0, b"01234", **checksum(b"01234")).status_code == 204
    answer = send(http, address, 5, b"5678X", **checksum(b"56789"))
    assert answer.status_code == 460
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.json()["code"] == "checksum-mismatch"
    assert arrived(http, address) == 5
    assert send(http, address, 5, b"56789", **checksum(b"56789")).status_code == 204


def test_a_piece_begins_where_the_last_one_ended(http: httpx2.Client) -> None:
    address = begin(http, 10)
    send(http, address, 0, b"01234")
    answer = send(http, address, 3, b"34567")
    assert (answer.status_code, answer.json()["offset"]) == (409, 5)
    assert send(http, address, 5, b"567890").status_code == 413
    assert arrived(http, address) == 5


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "10"}, 412),
        ({**TUS}, 400),
        ({**TUS, "Upload-Length": "-1"}, 400),
        ({**TUS, "Upload-Length": "0"}, 400),
        ({**TUS, "Upload-Length": "9" * 18}, 413),
        ({**TUS, "Upload-Length": "10", "Upload-Metadata": "filename ???"}, 400),
    ],
)
def test_what_is_announced_wrongly_is_refused(http: httpx2.Client, headers: dict[str, str], status: int) -> None:
    answer = http.post("/api/uploads", headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_pieces_of_another_form_are_refused(http: httpx2.Client) -> None:
    address = begin(http, 10)
    wrong = http.patch(address, headers={**TUS, "Upload-Offset": "0"}, content=b"0")
    assert wrong.status_code == 415
    for bad in ("md5 AAAA", "sha256 AAAA", "sha256", ""):
        assert send(http, address, 0, b"0", **{"Upload-Checksum": bad}).status_code == 400
    assert send(http, f"{address}x", 0, b"0").status_code == 404
    assert send(http, address.rpartition("/")[0] + "/..%2f..%2ftoken", 0, b"0").status_code == 404
    assert arrived(http, address) == 0


def test_what_is_spoken_is_said(http: httpx2.Client) -> None:
    answer = http.options("/api/uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {"creation", "checksum", "expiration", "termination"}
    assert int(answer.headers["Tus-Max-Size"]) > 0


def test_uploads_are_those_of_their_person(city: Running, http: httpx2.Client) -> None:
    address = begin(http, 10)
    with city.http() as stranger:
        assert stranger.head(address, headers=TUS).status_code == 401
        assert send(stranger, address, 0, b"0").status_code == 401
        assert stranger.get("/api/uploads").status_code == 401
    for role, status in ((UserRole.PUBLISHER, 404), (UserRole.AUDITOR, 403)):
        with as_colleague(city, role) as colleague:
            assert colleague.head(address, headers=TUS).status_code == status
            assert send(colleague, address, 0, b"0").status_code == status
            assert colleague.delete(address, headers=TUS).status_code == status
            assert colleague.post("/api/files", params={"upload": address[-36:]}).status_code == status
    assert arrived(http, address) == 0
    assert http.delete(address, headers=TUS).status_code == 204
    assert http.head(address, headers=TUS).status_code == 404


def test_one_request_at_a_time_sends_a_file(city: Running, http: httpx2.Client) -> None:
    address, size = begin(http, 64 * 5000), 5000

    def piece(number: int) -> int:
        with city.http(headers=city.person()) as sender:
            for _ in range(500):
                if arrived(sender, address) == number * size:
                    data = bytes([number]) * size
                    if send(sender, address, number * size, data, **checksum(data)).status_code == 204:
                        return number
                time.sleep(0.05)
        raise AssertionError(f"piece {number} found no turn")

    with ThreadPoolExecutor(64) as pool:
        assert sorted(pool.map(piece, range(64))) == list(range(64))
    file = http.post("/api/files", params={"upload": address[-36:]}).json()
    assert file["sha256"] == hashlib.sha256(b"".join(bytes([number]) * size for number in range(64))).hexdigest()


def test_a_person_has_so_many_unfinished_files(city: Running) -> None:
    with as_colleague(city, UserRole.PUBLISHER) as http:
        addresses = [begin(http, 10) for _ in range(MOST)]
        more = http.post("/api/uploads", headers={**TUS, "Upload-Length": "10"})
        assert (more.status_code, more.json()["count"]) == (429, MOST)
        http.delete(addresses[0], headers=TUS)
        begin(http, 10)


def test_the_official_client_goes_on_where_it_stopped(city: Running, http: httpx2.Client, tmp_path: Path) -> None:
    client = tus_client(tmp_path)
    file = tmp_path / "large.csv"
    file.write_bytes(os.urandom(3_000_000))
    stopped = client(city, file, "500000", "1000000")
    assert stopped["stopped"] == 1_000_000, stopped
    assert arrived(http, stopped["url"]) == 1_000_000
    done = client(city, file, "500000")
    assert (done.get("url"), done.get("first")) == (stopped["url"], 1_500_000), done
    kept = http.post("/api/files", params={"upload": done["url"][-36:]}).json()
    assert kept["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert kept["name"] == "large.csv"


@contextmanager
def as_colleague(city: Running, role: UserRole) -> Iterator[httpx2.Client]:
    """A client that speaks for a new person with this role."""
    accounts, login = city.node.people.users.accounts, f"{role}-{uuid.uuid4().hex[:8]}"
    accounts.add_locally(login, login, [role], "a long password for tests")
    token = accounts.issue_token(login, "uploads", timedelta(hours=1))
    with city.http(headers={"Authorization": f"Bearer {token}"}) as http:
        yield http


def tus_client(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """npm's ``tus-js-client``, with a state of this test's own; skips with the reason where it cannot be had."""
    npm, engine = shutil.which("npm"), shutil.which("node")
    if npm is None or engine is None:
        pytest.skip("no npm here: tus-js-client cannot be installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "hansa-tests" / f"tus-js-client-{CLIENT}"
    if not (folder / "node_modules" / "tus-js-client").exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
        install = [npm, "install", *options, f"tus-js-client@{CLIENT}"]
        if subprocess.run(install, capture_output=True, check=False, timeout=300).returncode != 0:
            pytest.skip("npm cannot install tus-js-client here")
    script = folder / "upload-client.mjs"
    shutil.copy(Path(__file__).resolve().parents[3] / "data" / script.name, script)

    def run(city: Running, file: Path, *options: str) -> dict[str, Any]:
        command = [
            str(engine),
            str(script),
            f"{city.url}/api/uploads",
            city.token,
            str(file),
            str(tmp_path / "state"),
        ]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        return dict(json.loads(done.stdout.splitlines()[-1]))

    return run


def test_the_terminal_goes_on_where_it_was_interrupted(city: Running, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    large.write_bytes(b"point,count\n" + b"12,34\n" * 4_000_000)
    first, later = [], []

    def interrupt(sent: int, _: int) -> None:
        first.append(sent)
        if sent > 10_000_000:
            raise KeyboardInterrupt

    with city.client() as client:
        with pytest.raises(KeyboardInterrupt):
            client.upload_in_pieces(large, progress=interrupt)
        (kept,) = [upload for upload in client.uploads() if upload["name"] == "large.csv"]
        assert kept["received"] == first[-1]
        answer = client.upload_in_pieces(large, progress=lambda sent, _: later.append(sent))
        assert later[0] == first[-1]
        assert answer["sha256"] == hashlib.sha256(large.read_bytes()).hexdigest()
        assert answer["mediaType"] == "text/csv"
        assert [upload for upload in client.uploads() if upload["name"] == "large.csv"] == []


def test_a_description_with_a_large_file_is_published(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "points.csv"
    large.write_bytes(b"point,count\n" + b"12,34\n" * 4_000_000)
    described = tmp_path / "points.yaml"
    described.write_text(
        "kind: dataset\nid: points\ntitle: {en: Points}\ndescription: {en: Counts of points}\nlicense: CC-BY-4.0\n"
        "theme: TRAN\ncontact: {name: Mobility, email: data@city.example}\nconditions: open\n"
        "files: [{path: points.csv}]\n",
        "utf-8",
    )
    status, output = typed(city, capsys, "publish", str(described))
    assert status == DONE, output
    with city.http() as anybody:
        answer = anybody.get("/datasets/points", headers={"Accept": "text/turtle"})
    assert str(large.stat().st_size) in answer.text
