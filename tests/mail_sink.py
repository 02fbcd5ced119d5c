"""A mail server that keeps what it is sent, as far as SMTP (RFC 5321) needs it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass
class MailSink:
    """The messages that arrived, and replies to give to a recipient in place of acceptance."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def keep(self, body: bytes, recipient: str) -> None:
        message = message_from_bytes(body, policy=default)
        assert isinstance(message, EmailMessage)
        self.recipients.append(recipient)
        self.messages.append(message)


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    """A running sink on this machine."""
    sink = MailSink()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 sink")
            recipient = ""
            while line := self.rfile.readline().decode("ascii", "replace").strip():
                verb = line.upper()
                if verb.startswith("RCPT TO:"):
                    recipient = line[8:].strip().strip("<>")
                    self.say(sink.replies.get(recipient, "250 yes"))
                elif verb == "DATA":
                    self.say("354 go on")
                    sink.keep(self.body(), recipient)
                    self.say("250 kept")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 yes")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def body(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b"..") else line)
            return b"".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
