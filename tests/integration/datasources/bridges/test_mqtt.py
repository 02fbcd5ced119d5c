"""A stream of a partner goes on to a broker of the consumer, through a pipe, until its provider ends it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from node.cli.exits import REFUSED
from tests.integration.datasources.live_data import share
from tests.integration.datasources.mosquitto import PASSWORD, USER, Mosquitto, mosquitto, program
from tests.integration.datasources.streams import describe, observation, send
from tests.nodes import agree, running
from tests.waits import until

TOPIC = "ghent/counters"


@contextmanager
def listening(broker: Mosquitto, target: Path) -> Iterator[Callable[[], list[int]]]:
    """A program that writes what the broker passes on of the topic; what it has so far."""
    address = ["-h", "127.0.0.1", "-p", str(broker.port), "-u", USER, "-P", PASSWORD]
    with (
        target.open("wb") as file,
        subprocess.Popen([program("mosquitto_sub"), *address, "-q", "1", "-t", TOPIC], stdout=file) as subscriber,
    ):
        try:
            until("the broker has the subscription", lambda: "SUBACK" in broker.log)
            yield lambda: [json.loads(text)["bikes"] for text in target.read_bytes().splitlines()]
        finally:
            subscriber.terminate()


def test_observations_reach_the_broker_until_the_provider_ends_it(tmp_path: Path, sqlite_template: Path) -> None:
    publisher = program("mosquitto_pub")
    with (
        running(tmp_path / "city", template=sqlite_template) as city,
        running(tmp_path / "partner", template=sqlite_template) as partner,
        mosquitto(tmp_path / "broker") as broker,
        listening(broker, tmp_path / "messages") as messages,
    ):
        describe(city, "counters")
        iri = share(city, "streams", "counters", slug="counters", format="JSON")
        agreement = str(agree(partner, iri)["agreementId"])
        send(city, "counters", observation(0))
        begin = "2026-01-01T00:00:00Z"
        follow = [sys.executable, "-m", "node.cli", "stream", "follow", iri, "--from", begin]
        pipe = subprocess.PIPE
        address = ["-h", "127.0.0.1", "-p", str(broker.port), "-u", USER, "-P", PASSWORD]
        with (
            subprocess.Popen(
                [*follow, "--node", str(partner.folder)], stdout=pipe, stderr=pipe, text=True
            ) as follower,
            subprocess.Popen([publisher, *address, "-q", "1", "-l", "-t", TOPIC], stdin=follower.stdout) as bridge,
            ExitStack() as stack,
        ):
            stack.callback(bridge.kill)
            stack.callback(follower.kill)
            assert follower.stdout is not None
            assert follower.stderr is not None
            follower.stdout.close()
            until("the first is at the broker", messages, seconds=60)
            for number in range(1, 6):
                send(city, "counters", observation(number))
            until("the others are", lambda: len(messages()) == 6)
            with city.client() as client:
                theirs = next(one["pid"] for one in client.transfers() if one["agreementId"] == agreement)
                client.steer(theirs, "suspend", reason="maintenance")
            reason = follower.stderr.read()
            assert follower.wait(20) == REFUSED
            assert bridge.wait(20) == 0
            send(city, "counters", observation(7))
        assert messages() == list(range(6))
    assert "maintenance" in reason
