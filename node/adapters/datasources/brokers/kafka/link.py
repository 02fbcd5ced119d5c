"""One connection to one Kafka broker, on aiokafka: dialled at a checked address, with bounded answers.

The library dials whatever address it is given by name, and reads an answer of any size that a broker announces. This
connection is dialled by number, does TLS with the name of the broker, and leaves one that answers with more than it
may.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, AIOKafkaProtocol, ScramAuthenticator

ANSWER_SECONDS: Final = 5.0
"""For each step of a connection, and for an answer."""
ANSWER_BYTES: Final = 8 << 20
"""Bytes of one answer of a broker."""
_CLIENT: Final = "hansa"
PLAIN: Final = "PLAIN"
MECHANISMS: Final = {"plain": PLAIN, "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}
"""The ways to sign in (SASL), as a steward names them."""
_FEWEST_ROUNDS: Final = 4096
"""RFC 7677, 4: fewer make it easy for whoever listens to guess the password."""
_MOST_ROUNDS: Final = 500_000
"""A broker that asks for more keeps this node busy."""
_LONGEST_SALT: Final = 1024

for _name in ("aiokafka", "aiokafka.conn"):
    # Whoever listens says why a connection ended; the library would say it again, with address and user.
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class AnswerTooLarge(ConnectionError):
    """A broker announces an answer of more than ``ANSWER_BYTES``."""


class UnprovenBroker(ConnectionError):
    """A broker does not show that it knows the password, or asks for too little or too much to hide it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The words of this node to each broker of a cluster."""

    is_secure: bool
    user: str
    password: str = field(repr=False)
    mechanism: str = PLAIN

    @property
    def protocol(self) -> str:
        """Return the security protocol, as Kafka names it."""
        return f"{'SASL_' if self.user else ''}{'SSL' if self.is_secure else 'PLAINTEXT'}"


class _BoundedReader(asyncio.StreamReader):
    """Reads the answers of a broker: four bytes with the size, then so many bytes."""

    async def readexactly(self, n: int) -> bytes:
        if n < 0 or n > ANSWER_BYTES:
            raise AnswerTooLarge("an answer is too large")
        return await super().readexactly(n)


class BoundedScram(ScramAuthenticator):  # type: ignore[misc]
    """Signs in with SCRAM (RFC 5802, RFC 7677): the password is not sent, and the broker has to know it too."""

    def process_server_first_message(self, server_first: str) -> None:
        """Raise ``UnprovenBroker`` unless the broker's words can be answered without harm."""
        try:
            members = dict(pair.split("=", 1) for pair in server_first.split(","))
            rounds = int(members["i"])
            is_right = _FEWEST_ROUNDS <= rounds <= _MOST_ROUNDS and 0 < len(members["s"]) <= _LONGEST_SALT
            if not is_right or len(members["r"]) <= len(self._nonce):
                raise UnprovenBroker("the broker asks for too little or too much")
            super().process_server_first_message(server_first)
        except (ValueError, LookupError) as error:
            raise UnprovenBroker("the broker does not speak SCRAM") from error

    def process_server_final_message(self, server_final: str) -> None:
        """Raise ``UnprovenBroker`` unless the broker knows the password."""
        try:
            super().process_server_final_message(server_final)
        except (ValueError, LookupError) as error:
            raise UnprovenBroker("the broker does not know the password") from error


class KafkaLink(AIOKafkaConnection):  # type: ignore[misc]
    """A connection to the broker ``host``, dialled at ``address``. ``send`` awaits the answer to one request."""

    def __init__(self, address: str, host: str, port: int, login: Login) -> None:
        super().__init__(
            host,
            port,
            client_id=_CLIENT,
            request_timeout_ms=int(ANSWER_SECONDS * 1000),
            security_protocol=login.protocol,
            sasl_mechanism=login.mechanism,
            sasl_plain_username=login.user,
            sasl_plain_password=login.password,
        )
        self._address = address
        self._is_secure = login.is_secure
        self._has_login = bool(login.user)
        self.fault: BaseException | None = None
        """The error with which the connection ended."""

    def authenticator_scram(self) -> BoundedScram:
        """Return what signs in with SCRAM; the library calls it."""
        return BoundedScram(
            loop=self._loop,
            sasl_plain_password=self._sasl_plain_password,
            sasl_plain_username=self._sasl_plain_username,
            sasl_mechanism=self._sasl_mechanism,
        )

    async def connect(self) -> None:
        """Connect, and sign in. Raises the errors of the library, and ``OSError``."""
        loop = asyncio.get_running_loop()
        self._closed_fut = loop.create_future()
        reader = _BoundedReader(limit=1 << 16)
        protocol = AIOKafkaProtocol(self._closed_fut, reader, loop=loop)
        context = ssl.create_default_context() if self._is_secure else None
        if context is not None:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        async with asyncio.timeout(ANSWER_SECONDS):
            transport, _ = await loop.create_connection(
                lambda: protocol,
                self._address,
                self.port,
                ssl=context,
                server_hostname=self.host if self._is_secure else None,
            )
        self._reader, self._protocol = reader, protocol
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._read_task = self._create_reader_task()
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await self._do_version_lookup()
                if self._has_login:
                    await self._do_sasl_handshake()
        except BaseException:
            await self.end()
            raise

    def close(self, reason: Any = None, exc: BaseException | None = None) -> Any:
        """End the connection; the library calls it too, with the error that it met."""
        self.fault = self.fault or exc
        return super().close(reason=reason, exc=exc)

    async def end(self) -> None:
        """End the connection, whatever its state, and wait for that."""
        writer, task = self._writer, self._read_task
        ending = self.close()
        if writer is not None:
            writer.transport.abort()
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=ANSWER_SECONDS)
        if ending is not None:
            await asyncio.wait([ending], timeout=ANSWER_SECONDS)
