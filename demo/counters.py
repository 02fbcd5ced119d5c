"""Gent's counters: they deliver observations while other acts run, through a broker where there is one."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import yaml
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from demo.broker import LISTENER, SENSORS, TOPIC, Broker, start_broker
from demo.data import COUNTERS, readings
from demo.nodes import DemoNodes, until
from demo.output import StepOutput
from node.client import Refusal

STREAM: Final = "counters"
SCHEMA: Final = "counter-observation-schema.yaml"
EVERY: Final = 0.5
"""Seconds between two observations of a counter."""
_PATIENCE: Final = 20.0


class Counters:
    """The counters, in a thread of their own. A context manager that leaves no process behind.

    ``sent`` counts the observations that the broker, or without one the node, has confirmed.
    """

    def __init__(self, nodes: DemoNodes, seed: int) -> None:
        self._gent = nodes.gent
        self._files = nodes.home / "files" / "gent"
        self._home = nodes.home
        self._readings = readings(seed)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="counters", daemon=True)
        self._error: Exception | None = None
        self._client: mqtt.Client | None = None
        self.broker: Broker | None = None
        self.sent = 0

    def __enter__(self) -> Counters:
        self.broker = start_broker(self._home)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        if self.broker is not None:
            self.broker.stop()

    def describe(self, output: StepOutput) -> None:
        """Describe the stream at Gent's node, and connect it with the broker if there is one."""
        definition = yaml.safe_load((self._files / SCHEMA).read_text("utf-8"))["definition"]
        (self._files / "observation.json").write_text(json.dumps(definition, indent=1), "utf-8")
        with self._gent.client() as client:
            output.show_command(
                "gent",
                f"hansa stream add {STREAM} --schema observation.json --subject segmentId --key segmentId --key at",
            )
            client.streams.add(STREAM, definition, subject="segmentId", key=["segmentId", "at"])
            if self.broker is None:
                return
            self.broker.wait_ready()
            output.show_command("gent", f"hansa source add sensors mqtt {self.broker.address} --user {LISTENER} …")
            secret = {"scheme": "basic", "name": LISTENER, "secret": self.broker.secrets[LISTENER]}
            client.data_sources.add("sensors", "mqtt", self.broker.address, credentials=secret)
            output.show_command(
                "gent",
                f"hansa stream connect {STREAM} sensors {TOPIC}/+ --take '*=payload' --take segmentId=topic:3",
            )
            take = {"*": "payload", "segmentId": "topic:3"}
            client.streams.connect(STREAM, "sensors", f"{TOPIC}/+", take=take)

    def begin(self, output: StepOutput) -> None:
        """Begin to deliver."""
        if self.broker is None:
            output.check(True, "this machine has no MQTT broker (Mosquitto): the counters deliver over HTTP")
        else:
            until("the broker has Gent's node", lambda: self.state()["broker"]["connectedSince"])
            self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
            self._client.username_pw_set(SENSORS, self.broker.secrets[SENSORS])
            self._client.connect("127.0.0.1", self.broker.port)
            self._client.loop_start()
            output.check(True, "the counters deliver through an MQTT broker (Mosquitto) from now on")
        self._thread.start()

    def send_wrong(self) -> None:
        """Send one observation that violates the schema: a negative number of vehicles."""
        self._send({"segmentId": COUNTERS[0], "at": _now(), "vehicles": -4, "speed": 40.0})

    def end(self) -> None:
        """Deliver no more. Raises ``RuntimeError`` if something could not be delivered."""
        self._ending.set()
        self._thread.join(_PATIENCE)
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
        if self._error is not None or self._thread.is_alive():
            raise RuntimeError(f"the counters could not deliver: {self._error or 'they did not end'}")

    def state(self) -> dict[str, Any]:
        """Return what Gent's node says of the stream."""
        with self._gent.client() as client:
            return dict(client.streams.stream(STREAM))

    def faults(self) -> list[dict[str, Any]]:
        """Return the observations that were kept apart, newest first."""
        with self._gent.client() as client:
            return list(client.streams.faults(STREAM))

    def _deliver(self) -> None:
        try:
            for observations in self._readings:
                for observation in observations:
                    self._send({**observation, "at": _now()})
                    self.sent += 1
                if self._ending.wait(EVERY):
                    return
        except Exception as error:  # noqa: BLE001 - told by ``end``
            self._error = error

    def _send(self, observation: Mapping[str, Any]) -> None:
        """Send an observation until it is confirmed. While the node is down, the broker keeps it; without a broker it
        is sent again."""
        if self._client is not None:
            payload = {name: value for name, value in observation.items() if name != "segmentId"}
            message = self._client.publish(f"{TOPIC}/{observation['segmentId']}", json.dumps(payload), qos=1)
            message.wait_for_publish(_PATIENCE)
            if not message.is_published():
                raise RuntimeError("the broker does not confirm")
            return
        until("Gent's node takes the observation", lambda: self._post(observation), seconds=60)

    def _post(self, observation: Mapping[str, Any]) -> bool:
        with self._gent.client() as client:
            try:
                client.streams.send(STREAM, [observation])
            except Refusal as refusal:
                # It is counted and kept apart there.
                if refusal.problem.get("code") != "nonconforming-observations":
                    raise
        return True


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
