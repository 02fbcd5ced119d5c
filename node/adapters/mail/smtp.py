"""Hands messages to the mail server that the operator configured (SMTP, RFC 5321).

The connection is encrypted: from the beginning (``smtps``), or after STARTTLS (``smtp``), without which nothing is
sent; a server on this machine needs neither. The address of the server comes from the settings only, and not from a
peer.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from anyio.to_thread import run_sync

from node.base.errors import InvalidInput, PeerUnreachable

SECONDS: Final = 30.0
_PORTS: Final = {"smtp": 587, "smtps": 465}
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """``node.worker.mail.MailServer``. ``address`` is ``smtp://user@host:port`` or ``smtps://…``; the password of the
    user is the first line of ``password_file``."""

    address: str
    password_file: Path | None = None
    seconds: float = SECONDS

    async def send(self, message: bytes, *, sender: str, recipient: str) -> None:
        """Hand over a message. Raises ``PeerUnreachable`` if it may work later, ``InvalidInput`` if it never will."""
        await run_sync(lambda: self._send(message, sender, recipient), abandon_on_cancel=True)

    def _send(self, message: bytes, sender: str, recipient: str) -> None:
        try:
            with self._connect() as connection:
                connection.sendmail(sender, [recipient], message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients[recipient]
            raise _problem(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _problem(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise PeerUnreachable(f"the mail server cannot be used: {error}", remedy="check mail_server") from error

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.address)
        host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
        context = ssl.create_default_context()
        connection: smtplib.SMTP
        if parts.scheme == "smtps":
            connection = smtplib.SMTP_SSL(host, port, timeout=self.seconds, context=context)
        else:
            connection = smtplib.SMTP(host, port, timeout=self.seconds)
        try:
            connection.ehlo()
            if parts.scheme == "smtp" and (connection.has_extn("starttls") or host not in _HERE):
                connection.starttls(context=context)
                connection.ehlo()
            if parts.username:
                connection.login(unquote(parts.username), self._password())
        except BaseException:
            connection.close()
            raise
        return connection

    def _password(self) -> str:
        if self.password_file is None:
            return ""
        lines = self.password_file.read_text("utf-8").splitlines()
        return lines[0] if lines else ""


def _problem(code: int, text: bytes | str) -> InvalidInput | PeerUnreachable:
    """Return the error for a reply of the server: 4xx is temporary, 5xx is final (RFC 5321 §4.2.1)."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    detail = f"the mail server answered {code}: {words[:300]}"
    if code >= 500:
        return InvalidInput(detail, remedy="check the address, and mail_server and mail_from in the settings")
    return PeerUnreachable(detail, remedy="the node tries again")
