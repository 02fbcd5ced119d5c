"""An MQTT broker for the demonstration: Mosquitto, if this machine has it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path

from demo.nodes import free_ports, until

SENSORS = "sensors"
LISTENER = "listener"
TOPIC = "city/counters"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


class Broker:
    """A broker on loopback, with a user for the counters and one for the node. ``stop`` ends it."""

    def __init__(self, home: Path, program: str, passwords: str) -> None:
        """``program`` and ``passwords`` are the paths of Mosquitto and of the program that writes its passwords."""
        self.port = free_ports(1)[0]
        self.secrets = {SENSORS: secrets.token_urlsafe(12), LISTENER: secrets.token_urlsafe(12)}
        folder = home / "broker"
        folder.mkdir()
        users = folder / "users"
        users.write_text("".join(f"{name}:{secret}\n" for name, secret in self.secrets.items()), "utf-8")
        subprocess.run([passwords, "-U", str(users)], check=True, capture_output=True)  # noqa: S603 - fixed words
        (folder / "acl").write_text(f"user {SENSORS}\ntopic write {TOPIC}/#\nuser {LISTENER}\ntopic read {TOPIC}/#\n")
        lines = (
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous false",
            f"password_file {users}",
            f"acl_file {folder / 'acl'}",
            "persistence false",
            "max_queued_messages 0",
            f"log_dest file {folder / 'log'}",
            # As root, it would become a user of its own who may not read here.
            "user root" if os.getuid() == 0 else "",
        )
        (folder / "conf").write_text("\n".join(lines) + "\n", "utf-8")
        self._process = subprocess.Popen(  # noqa: S603 - found by its fixed name
            [program, "-c", str(folder / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def address(self) -> str:
        """The address, as a steward gives it."""
        return f"mqtt://localhost:{self.port}"

    def wait_ready(self) -> None:
        """Return when it takes connections. Raises ``RuntimeError`` if it does not."""
        until("the broker answers", self._answers, seconds=10)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


def start_broker(home: Path) -> Broker | None:
    """Start a broker with its files below ``home``; return None if this machine has no Mosquitto."""
    program, passwords = (shutil.which(name, path=_PATH) for name in ("mosquitto", "mosquitto_passwd"))
    return Broker(home, program, passwords) if program and passwords else None
