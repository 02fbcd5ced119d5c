"""Secrets stay where they belong: not in the log at its most talkative, not in any answer, not readable on disk."""

from __future__ import annotations

import base64
import logging
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.logs import JsonLines, TextLines
from node.transfer.grants import GrantAccess
from node.transfer.model import AccessGrant
from tests.nodes import Company, Running, admit, agree, company, publish, receive

CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class Listener(logging.Handler):
    """Everything that any logger says, as the node would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._styles = (JsonLines(), TextLines())

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("httpx2", "httpcore2")):
            return  # the tests' own client, which lives in this process; nodes dial out by another library
        self.lines += [style.format(record) for style in self._styles]


@dataclass
class Heard:
    """What was logged and answered while a region and two cities did everything that they do."""

    nodes: tuple[Running, ...]
    log: str
    answers: str
    secrets: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Heard]:
    listener, root = Listener(), logging.getLogger()
    level, names = root.level, ("uvicorn", "uvicorn.error", "uvicorn.access", "aiohttp", "hansa", "node")
    levels = {name: logging.getLogger(name).level for name in names}
    root.addHandler(listener)
    for name in ("", *names):
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
            tokens = Tokens()
            tokens.listen(patch)
            found = stack.enter_context(company(tmp_path_factory.mktemp("secrets"), sqlite_template))
            yield _everything(found, listener, tokens)
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)


def _everything(nodes_of_region: Company, listener: Listener, tokens: Tokens) -> Heard:
    provider, consumer = nodes_of_region.cities
    for city in nodes_of_region.cities:
        admit(nodes_of_region.region, city)
    dataset = publish(provider, "sealed-counts", conditions={"template": "members", "sealed": True})
    agreement = agree(consumer, dataset["iri"])["agreementId"]
    transfer = receive(consumer, agreement)
    assert transfer["state"] == "COMPLETED"
    assert transfer["reception"]["sealed"]
    nodes = (nodes_of_region.region, *nodes_of_region.cities)
    answers: list[str] = []
    secrets: dict[str, str] = {}
    for node in nodes:
        secrets |= _of_node(node)
        answers += _looked_at(node, secrets)
        answers += _went_wrong(node, provider, secrets)
    secrets |= tokens.named()
    return Heard(nodes, "\n".join(listener.lines), "\n".join(answers), secrets)


def _of_node(node: Running) -> dict[str, str]:
    """What only this node may know, in each way in which it could be written."""
    name = node.folder.name
    secrets = {f"{name}'s API token": node.token, f"{name}'s password": node.password}
    for path in (node.folder / "keys").iterdir():
        raw = path.read_bytes()
        if path.suffix == ".pem":
            secrets[f"{name}'s {path.name}"] = raw.decode().splitlines()[1]
        elif path.name == "wrap.key":
            secrets[f"{name}'s {path.name}"] = raw.hex()
            secrets[f"{name}'s {path.name} in base64"] = base64.b64encode(raw).decode()
            secrets[f"{name}'s {path.name} as Python shows it"] = repr(raw)[2:-1]
    return secrets


class Tokens:
    """The tokens of data addresses as they are made: nothing that is kept tells them afterwards."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        make = GrantAccess.data_address

        def noted(access: GrantAccess, grant: AccessGrant, token: str, **options: Any) -> dict[str, Any]:
            self.values.append(token)
            return make(access, grant, token, **options)

        patch.setattr(GrantAccess, "data_address", noted)

    def named(self) -> dict[str, str]:
        assert self.values, "there was a data address"
        return {f"the data token number {number}": token for number, token in enumerate(self.values, 1)}


def _looked_at(node: Running, secrets: dict[str, str]) -> list[str]:
    """Every page and every list, as the administrator sees them, by token and by session."""
    paths = [
        "/api/node", "/api/accounts", "/api/agreements", "/api/negotiations", "/api/transfers", "/api/decisions",
        "/api/memberships", "/api/applications", "/api/issued", "/api/deliveries", "/api/members", "/metrics",
        "/health", "/openapi.json", "/.well-known/did.json", "/ledger/checkpoint", "/feed", "/about", "/processes",
        "/agreements", "/decisions", "/deliveries", "/applications", "/issued", "/keys", "/members",
    ]  # fmt: skip
    texts = []
    with node.http(headers=node.person()) as http, node.client() as client:
        paths += [f"/api/transfers/{one['pid']}" for one in client.transfers()]
        paths += [f"/api/negotiations/{one['pid']}" for one in client.negotiations()]
        paths += [f"/processes/{one['pid']}" for one in (*client.transfers(), *client.negotiations())]
        paths += [f"/api/agreements/{one['id']}" for one in client.agreements()]
        texts += [_text(http.get(path)) for path in paths]
    with node.http() as http:
        csrf = CSRF.search(http.get("/sign-in").text)
        assert csrf is not None
        wrong = {"login": "admin", "password": "wrong-" + node.password, "csrf": csrf[1]}
        texts.append(_text(http.post("/sign-in", data=wrong)))
        csrf = CSRF.search(http.get("/sign-in").text)
        assert csrf is not None
        http.post("/sign-in", data={"login": "admin", "password": node.password, "csrf": csrf[1]})
        session = http.cookies["hansa_session"]
        secrets[f"{node.folder.name}'s session"] = session
        texts += [_text(http.get(path, headers={"Accept": "text/html"})) for path in paths]
    return texts


def _went_wrong(node: Running, provider: Running, secrets: dict[str, str]) -> list[str]:
    """Requests that fail, with something secret in them each time."""
    bearer = node.as_participant(node if node is not provider else provider)
    secrets[f"{node.folder.name}'s own token"] = bearer["Authorization"].split()[1]
    texts = []
    with node.http() as http:
        for method, path, options in (
            ("GET", "/api/node", {"headers": {"Authorization": f"Bearer {node.token}x"}}),
            ("GET", "/api/node", {"headers": {"Authorization": f"Basic {node.token}"}}),
            ("GET", f"/datasets/{node.token}", {}),
            ("GET", "/feed", {"headers": bearer}),
            ("POST", "/api/tokens", {"headers": node.person(), "content": b'{"label":'}),
            ("POST", "/api/accounts", {"headers": node.person(), "json": {"login": "x", "password": node.password}}),
            ("GET", "/data/urn:uuid:1", {"headers": {"Authorization": f"Bearer {node.token}"}}),
        ):
            answer = http.request(method, path, **options)
            assert 400 <= answer.status_code < 500
            # What a caller put into the address may come back to the caller: it is not we who tell it.
            texts.append(_text(answer).replace(node.token, "") if node.token in path else _text(answer))
    return texts


def _text(answer: httpx2.Response) -> str:
    return f"{dict(answer.headers)}\n{answer.text}"


def test_the_log_holds_no_secret(heard: Heard) -> None:
    assert len(heard.secrets) > 25
    assert len(heard.log) > 1000, "there is a log to look at"
    lines = heard.log.splitlines()
    found = {name: line for name, secret in heard.secrets.items() for line in lines if secret and secret in line}
    assert found == {}


def test_no_answer_holds_a_secret(heard: Heard) -> None:
    # A session goes to its owner once, in the cookie of the answer to signing in, which is not looked at here.
    found = [name for name, secret in heard.secrets.items() if secret and secret in heard.answers]
    assert found == []


def test_no_object_shows_a_secret(heard: Heard) -> None:
    """What a careless log line or a traceback with locals would print."""
    for node in heard.nodes:
        shown = repr((node.node.parts.keyring, node.node.parts.settings, node.node.people, node.node.callers))
        assert [name for name, secret in heard.secrets.items() if secret and secret in shown] == []


def test_files_are_readable_by_the_node_alone(heard: Heard) -> None:
    for node in heard.nodes:
        for path in (node.folder / "token", *(node.folder / "keys").iterdir()):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        assert stat.S_IMODE((node.folder / "keys").stat().st_mode) == 0o700


def test_the_database_holds_hashes_of_tokens_and_passwords(heard: Heard) -> None:
    kinds: tuple[str, ...] = ("API token", "password", "session", ".pem", "wrap.key")
    for node in heard.nodes:
        raw = b"".join(path.read_bytes() for path in node.folder.glob("hansa.sqlite*"))
        leaks: list[Any] = [
            name
            for name, secret in heard.secrets.items()
            if secret and name.endswith(kinds) and secret.encode() in raw
        ]
        assert leaks == []
