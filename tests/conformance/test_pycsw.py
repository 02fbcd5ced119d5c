"""Records of pycsw, running: a catalogue service with CSW 2.0.2 and 3.0 and with OAI-PMH, harvested by a node."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.test_ckan import harvested
from tests.conformance.test_pygeoapi import NOT_TO_BE_HAD, PEER
from tests.nodes import Running, city

__all__ = ["city"]

TITLES = {"Berths and quays", "Parking & bays <live>", "Luftgüte am Burgtor"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not PEER.exists():
        pytest.skip("the kit that starts pycsw is not at hand: set HANSA_SHARED to the folder of official artefacts")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        name, port = f"csw.test{os.getpid()}", int(bound.getsockname()[1])
    begun = subprocess.run([PEER, "up", name, str(port)], capture_output=True, text=True, timeout=600, check=False)
    if begun.returncode == NOT_TO_BE_HAD:
        pytest.skip(f"pycsw cannot be had here: {begun.stdout[-300:]}{begun.stderr[-300:]}")
    try:
        assert begun.returncode == 0, begun.stdout + begun.stderr
        yield f"http://127.0.0.1:{port}/"
    finally:
        subprocess.run([PEER, "down", name], capture_output=True, timeout=120, check=False)


def titles(events: list[dict[str, Any]]) -> set[str]:
    return {event["title"] for event in events if event["event"] == "record"}


def test_its_records_are_the_same_in_both_versions_and_in_oai(server: str, city: Running) -> None:
    # Two records in a page, so that the last one is on a second page.
    events = harvested(city, f"{server}?service=CSW&maxRecords=2")
    assert titles(events) == TITLES
    assert (events[0]["source"], events[0]["title"]) == (server, {"": "Peer city"})
    assert (events[-1]["new"], events[-1]["refused"]) == (3, 0)
    assert harvested(city, f"{server}?service=CSW&maxRecords=2")[-1]["unchanged"] == 3
    latest = harvested(city, f"{server}?service=CSW&version=3.0.0")
    assert titles(latest) == TITLES
    assert (latest[-1]["refused"], latest[-1]["withdrawn"]) == (0, 0)
    repository = harvested(city, f"{server}?mode=oaipmh")
    assert titles(repository) == TITLES
    assert repository[-1]["refused"] == 0
