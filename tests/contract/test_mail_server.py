"""MailServer: a message is handed over, refused for good, or not yet."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from node.adapters.mail.smtp import SmtpServer
from node.base.errors import InvalidInput, PeerUnreachable
from tests.mail_sink import mail_sink

MESSAGE = b"From: a@x.example\r\nTo: b@x.example\r\nSubject: x\r\n\r\n.dots stay\r\n"


async def test_a_message_arrives_as_it_is() -> None:
    with mail_sink() as sink:
        await SmtpServer(sink.address).send(MESSAGE, sender="a@x.example", recipient="b@x.example")
    assert sink.recipients == ["b@x.example"]
    assert sink.messages[0].get_content().strip() == ".dots stay"


@pytest.mark.parametrize(("reply", "error"), [("550 no such user", InvalidInput), ("451 later", PeerUnreachable)])
async def test_a_refusal_is_final_or_temporary_as_the_server_says(reply: str, error: type[Exception]) -> None:
    with mail_sink() as sink:
        sink.replies["b@x.example"] = reply
        with pytest.raises(error, match=reply.partition(" ")[2]):
            await SmtpServer(sink.address).send(MESSAGE, sender="a@x.example", recipient="b@x.example")
    assert sink.messages == []


async def test_a_server_that_is_not_there_is_temporary() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PeerUnreachable):
        await SmtpServer(f"smtp://127.0.0.1:{port}").send(MESSAGE, sender="a@x.example", recipient="b@x.example")


async def test_nothing_is_sent_without_encryption_to_another_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("node.adapters.mail.smtp._HERE", frozenset())
    with mail_sink() as sink:
        with pytest.raises(PeerUnreachable):
            await SmtpServer(sink.address).send(MESSAGE, sender="a@x.example", recipient="b@x.example")
        assert sink.messages == []
