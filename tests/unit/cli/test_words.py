"""Words as people type them: several to look for, ``list`` where things are listed, a node that has just begun."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import node.cli.commands.find
import node.cli.commands.people
from node.base.errors import InvalidInput
from node.cli.main import run
from node.client import NodeAddress
from node.client.startup import until_listening
from node.settings import load, write


class Client:
    """Answers what two verbs ask, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def search(self, text: str, **_: Any) -> dict[str, Any]:
        self.asked.append(text)
        return {"hits": [], "total": 0}

    def accounts(self) -> list[dict[str, Any]]:
        self.asked.append("accounts")
        return []


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    fake_client = Client()
    for module in (node.cli.commands.find, node.cli.commands.people):
        monkeypatch.setattr(module, "connect", lambda _name: fake_client)
    return fake_client


def test_several_words_are_looked_for_together(client: Client) -> None:
    assert run(["find", "fijn", "stof", "--kind", "dataset"]) == 0
    assert run(["find"]) == 0
    assert client.asked == ["fijn stof", ""]


def test_user_list_lists(client: Client) -> None:
    assert run(["user", "list"]) == 0
    assert client.asked == ["accounts"]


@pytest.mark.parametrize("verb", ["user", "join", "decide", "revoke", "members"])
def test_other_verbs_are_nobodys_name(verb: str, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "add"]) == 2
    assert f"hansa {verb} list" in " ".join(capsys.readouterr().err.split())
    assert client.asked == []


def test_a_node_that_begins_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = NodeAddress(f"http://127.0.0.1:{listener.getsockname()[1]}", None, tmp_path)
        beginning = threading.Timer(0.6, listener.listen)
        beginning.start()
        signals: list[str] = []
        began = time.monotonic()
        assert until_listening(address, on_wait=lambda: signals.append("waits"))
        assert time.monotonic() - began >= 0.5
        assert signals == ["waits"]
        beginning.join()


def test_one_that_does_not_begin_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    assert not until_listening(NodeAddress(f"http://127.0.0.1:{port}", None, tmp_path))


@pytest.mark.parametrize("setting", ["advised_profiles", "enforced_profiles"])
def test_a_profile_that_is_not_there_is_refused_at_the_start(setting: str, tmp_path: Path) -> None:
    write(tmp_path, {"public_url": "https://data.gent.example", setting: ["dcat-ap-nl"]})
    with pytest.raises(InvalidInput, match=rf"{setting}.*'dcat-ap-nl'; the profiles are: adms-ap, dcat-ap-hvd"):
        load(tmp_path)
    write(tmp_path, {"public_url": "https://data.gent.example", setting: ["dcat-ap-vl"]})
    assert load(tmp_path)
