"""A large file is sent again after a silence, and not after a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.base.errors import HansaError, PeerUnreachable
from node.cli.commands.publication.file_upload import PAUSES, WHOLE, send_file
from node.client.api import Refusal


class Client:
    """A node that fails in the order of ``errors``, and then takes the file."""

    def __init__(self, *errors: HansaError) -> None:
        self.errors = list(errors)
        self.calls: list[str] = []

    def upload(self, _: Path, **__: Any) -> None:
        self.calls.append("whole")

    def upload_in_pieces(self, _: Path, **__: Any) -> None:
        self.calls.append("pieces")
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited."""
    seconds: list[float] = []
    monkeypatch.setattr("node.cli.commands.publication.file_upload.time.sleep", seconds.append)
    return seconds


def large(tmp_path: Path, size: int = WHOLE + 1) -> Path:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_a_small_file_is_sent_whole(tmp_path: Path, waits: list[float]) -> None:
    client: Any = Client()
    send_file(client, large(tmp_path, WHOLE), media_type="text/csv")
    assert (client.calls, waits) == (["whole"], [])


def test_a_silent_node_is_asked_again(tmp_path: Path, waits: list[float]) -> None:
    client: Any = Client(PeerUnreachable("gone"), Refusal(460, {"detail": "changed"}), Refusal(409, {}))
    send_file(client, large(tmp_path), media_type="text/csv")
    assert client.calls == ["pieces"] * 4
    assert waits == list(PAUSES[:3])


def test_a_refusal_ends_it(tmp_path: Path, waits: list[float]) -> None:
    client: Any = Client(Refusal(413, {"detail": "too large"}))
    with pytest.raises(Refusal, match="too large"):
        send_file(client, large(tmp_path), media_type="text/csv")
    assert waits == []


def test_the_silence_is_told_in_the_end(tmp_path: Path, waits: list[float]) -> None:
    client: Any = Client(*[PeerUnreachable("gone")] * (len(PAUSES) + 1))
    with pytest.raises(PeerUnreachable):
        send_file(client, large(tmp_path), media_type="text/csv")
    assert waits == list(PAUSES)
