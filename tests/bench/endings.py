"""The time from the end of a permission to the last word to readers of streams and to subscribers."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from node.client import HansaClient, OpenStream
from tests.bench.processes import nodes
from tests.bench.report import Figure, figure, p95
from tests.bench.streams import SCHEMA, agree, an_observation, live_access
from tests.integration.datasources.mosquitto import PASSWORD, USER, mosquitto
from tests.integration.datasources.notifications.receiver import Receiver, receiving
from tests.waits import until

AIM_MS = 1000.0
_ROOT = "/ngsi-ld/v1/subscriptions"
_NUMBERS = count(100)


def endings(rounds: int = 20) -> list[Figure]:
    """``stream_end_ms``, ``replay_end_ms``, ``subscription_end_ms`` and ``bridge_end_ms``: p95 of the time from the
    provider's order to end a transfer to the reader's last event, the subscriber's last notification, or the state
    of the bridge to MQTT at the consumer, with the reason. No observation comes meanwhile.

    Baseline: what the documentation promises.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "city", "partner") as (city, partner),
        receiving() as receiver,
        mosquitto(Path(scratch) / "broker") as broker,
        city.client() as provider,
        partner.client() as consumer,
    ):
        provider.streams.add("counts", SCHEMA, subject="station")
        agreement = agree(city, partner)
        provider.streams.send("counts", [an_observation(0), an_observation(59)])
        consumer.data_sources.add(
            "bus", "mqtt", broker.address, credentials={"scheme": "basic", "name": USER, "secret": PASSWORD}
        )
        ends: dict[str, Callable[[], Callable[[], float]]] = {
            "stream_end_ms": lambda: _reader(live_access(consumer, agreement), after="0"),
            "replay_end_ms": lambda: _reader(
                live_access(consumer, agreement), start="2026-01-01T00:00:00Z", speed=0.01
            ),
            "subscription_end_ms": lambda: _subscriber(provider, live_access(consumer, agreement), receiver),
            "bridge_end_ms": lambda: _bridge(consumer, agreement),
        }
        baseline = ("the promise", AIM_MS)
        return [
            figure(name, _p95(rounds, partial(_time, provider, agreement, opens)), "ms", rounds, baseline)
            for name, opens in ends.items()
        ]


def _p95(rounds: int, measure: Callable[[], float]) -> float:
    return p95([measure() for _ in range(rounds)])


def _time(
    provider: HansaClient,
    agreement: str,
    opens: Callable[[], Callable[[], float]],
) -> float:
    """Open a transfer and a reading of it, end the transfer, and return the milliseconds to the last word."""
    last_word = opens()
    pid = next(
        transfer["pid"]
        for transfer in provider.transfers()
        if transfer["agreementId"] == agreement and transfer["state"] == "STARTED"
    )
    began = time.monotonic()
    provider.steer(pid, "terminate", reason="measured")
    return (last_word() - began) * 1000


def _reader(access: dict[str, Any], **period: Any) -> Callable[[], float]:
    """Read a stream to its end in a thread. Return what waits for the end, and returns its time."""
    has_begun, ends = threading.Event(), list[float]()

    def read() -> None:
        for event in OpenStream(access).events(**period):
            has_begun.set()
            if event["event"] == "end":
                ends.append(time.monotonic())

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    if not has_begun.wait(30):
        raise RuntimeError("the stream has not begun")

    def last_word() -> float:
        thread.join(30)
        return ends[0]

    return last_word


def _bridge(consumer: HansaClient, agreement: str) -> Callable[[], float]:
    """Pass the stream on to the broker. Return what waits until the bridge says why it ended."""
    consumer.bridges.begin(agreement, "broker:bus/bridged")
    until("the bridge runs", lambda: consumer.bridges.all()[0]["state"] == "running")

    def last_word() -> float:
        until("the bridge has ended", lambda: consumer.bridges.all()[0]["state"] == "ended", pause=0.005)
        ended_at = time.monotonic()
        if "measured" not in json.dumps(consumer.bridges.all()[0]):
            raise RuntimeError("the bridge does not say why it ended")
        return ended_at

    return last_word


def _subscriber(provider: HansaClient, access: dict[str, Any], receiver: Receiver) -> Callable[[], float]:
    """Subscribe to a stream as a program of a partner. Return what waits for the last notification."""
    receiver.posts.clear()
    document = {
        "type": "Subscription",
        "entities": [{"type": "Counter"}],
        "notification": {"endpoint": {"uri": f"{receiver.url}/notify"}},
    }
    headers = {"Authorization": access["authorization"], "Content-Type": "application/json"}
    with httpx2.Client(trust_env=False) as client:
        content = json.dumps(document)
        client.post(access["endpoint"] + _ROOT, headers=headers, content=content).raise_for_status()
    provider.streams.send("counts", [an_observation(next(_NUMBERS))])
    until("a notification has come", lambda: receiver.posts)

    def last_word() -> float:
        until("the end has come", lambda: "end" in receiver.posts[-1].document)
        return receiver.posts[-1].at

    return last_word
