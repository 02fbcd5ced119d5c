"""Mosquitto for tests, as a process of a test's own: to be killed, started again with what it had, and to use TLS."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
import pytest
from paho.mqtt import publish

from demo.nodes import free_ports
from tests.live_peers import live
from tests.waits import until

USER: Final = "sensors"
PASSWORD: Final = "sensors-secret"
READER: Final = "listener"
READER_PASSWORD: Final = "listener-secret"
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def program(name: str = "mosquitto") -> str:
    """The path of a program of Mosquitto. The kit of live peers installs it, or the test is skipped."""
    path = shutil.which(name, path=_PATH)
    if path is None:
        with live("mqtt"):
            path = shutil.which(name, path=_PATH)
    if path is None:
        pytest.skip("there is no Mosquitto: apt-get install mosquitto mosquitto-clients")
    return path


class Mosquitto:
    """A broker with one port. ``tls`` is certificate and key. Lasting sessions survive ``stop``."""

    def __init__(self, folder: Path, *, tls: tuple[Path, Path] | None = None, more: str = "") -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.is_secure = tls is not None
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        users = folder / "users"
        for place, (user, password) in enumerate(((USER, PASSWORD), (READER, READER_PASSWORD))):
            new = ["-c"] if place == 0 else []
            command = [program("mosquitto_passwd"), *new, "-b", str(users), user, password]
            subprocess.run(command, check=True, capture_output=True)
        (folder / "acl").write_text(f"user {USER}\ntopic readwrite #\nuser {READER}\ntopic read city/#\n")
        lines = [
            f"listener {self.port} 127.0.0.1",
            *((f"certfile {tls[0]}", f"keyfile {tls[1]}") if tls else ()),
            "allow_anonymous false",
            f"password_file {users}",
            f"acl_file {folder / 'acl'}",
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            f"log_dest file {folder / 'log'}",
            "log_type all",
            # As root, it would become a user of its own who may not read here.
            "user root" if os.getuid() == 0 else "",
            more,
        ]
        (folder / "conf").write_text("\n".join(lines) + "\n")

    @property
    def address(self) -> str:
        """The address, as a steward gives it."""
        return f"{'mqtts' if self.is_secure else 'mqtt'}://localhost:{self.port}"

    @property
    def log(self) -> str:
        """What the broker has written about its clients."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start it, with what it kept."""
        self._process = subprocess.Popen(
            [program(), "-c", str(self.folder / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until("the broker answers", self._answers)

    def stop(self) -> None:
        """End it; it keeps what lasts."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def send(self, *messages: tuple[str, Any], qos: int = 1, retain: bool = False) -> None:
        """Publish; what is no text and no bytes goes as JSON. Returns once the broker has everything."""
        publish.multiple(
            [
                {
                    "topic": topic,
                    "payload": body if isinstance(body, str | bytes) else json.dumps(body),
                    "qos": qos,
                    "retain": retain,
                }
                for topic, body in messages
            ],
            hostname="127.0.0.1",
            port=self.port,
            auth={"username": USER, "password": PASSWORD},
            protocol=paho.MQTTv5,
        )

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@contextmanager
def mosquitto(folder: Path, **options: Any) -> Iterator[Mosquitto]:
    """A broker that runs."""
    broker = Mosquitto(folder, **options)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def observations(first: int, last: int, *, station: str = "s") -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Messages with an observation each, with these numbers."""
    return [
        (
            f"city/counters/{station}",
            {"station": station, "at": f"2026-01-{1 + n // 1440:02}T{n // 60 % 24:02}:{n % 60:02}:00Z", "bikes": n},
        )
        for n in range(first, last + 1)
    ]
