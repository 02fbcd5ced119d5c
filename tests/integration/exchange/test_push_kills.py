"""A sealed push between two nodes in processes of their own, either of which is killed in the middle of it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.dialogue.process import Role
from tests.nodes import described, until
from tests.sweep.pair import Armed, Pair
from tests.sweep.points import SEALED

SIZE = 48_000_000
"""So many bytes that a process that is killed at the first of them is killed in the middle."""
LONG = 60.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    two = Pair(tmp_path_factory.mktemp("killed"))
    try:
        two.begin([SEALED])
        yield two
    finally:
        for member in two.members.values():
            member.close()


def agreed(two: Pair, slug: str, data: bytes) -> str:
    """An agreement about a sealed file of these bytes."""
    path = two.home / f"{slug}.bin"
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    file = {"name": path.name, "mediaType": "application/octet-stream", "size": len(data), "sha256": digest}
    with two.provider.client() as client:
        client.upload(path)
        conditions = {"template": "members", "sealed": True}
        iri = client.publish({"fields": described(slug), "files": [file], "conditions": conditions})["iri"]
    with two.consumer.client() as client:
        pid = client.negotiate(iri)["pid"]
        done = until("they agree", lambda: one if (one := client.negotiation(pid, wait=5))["agreementId"] else None)
    return str(done["agreementId"])


def arrived(member: Armed, pid: str) -> list[Path]:
    """What lies in the folder of received files for this transfer."""
    name = pid.removeprefix("urn:uuid:")
    return [path for path in member.folder.rglob("*") if path.is_file() and name in str(path)]


@pytest.mark.parametrize("victim", [Role.PROVIDER, Role.CONSUMER])
def test_killed_in_the_middle_and_whole_in_the_end(pair: Pair, victim: Role) -> None:
    data = random.Random(str(victim)).randbytes(SIZE)
    agreement = agreed(pair, f"large-{victim}", data)
    with pair.consumer.client() as client:
        asked = {"agreementId": agreement, "format": "HttpData-PUSH"}
        pid = str(client.call("POST", "/api/transfers", json=asked)["pid"])
    # The bytes go to a part file as they come.
    until("bytes arrive", lambda: any(path.stat().st_size for path in arrived(pair.consumer, pid)))
    pair.members[victim].kill()
    left = arrived(pair.consumer, pid)
    assert not [path for path in left if path.name == f"large-{victim}.bin"], "nothing half has a name"
    pair.members[victim].serve()
    pair.members[victim].wait_ready()

    def ended() -> dict[str, Any] | None:
        with pair.consumer.client() as client:
            one = client.transfer_state(pid, wait=5)
        return one if one["state"] in ("COMPLETED", "TERMINATED") else None

    ours = until("the transfer ends", ended, LONG)
    assert (ours["state"], ours["reception"]["state"]) == ("COMPLETED", "done"), ours
    assert ours["reception"]["sealed"]
    assert ours["reception"]["facts"]["verified"]
    with pair.consumer.client() as client:
        assert client.raw(f"/api/transfers/{pid}/content") == data
    named = sorted(path.name for path in arrived(pair.consumer, pid))
    assert named == [f"large-{victim}.bin", f"large-{victim}.bin.age"], "one reception, and nothing beside it"
    with pair.provider.client() as client:
        theirs = until(
            "both sides know",
            lambda: one if (one := client.transfer_state(ours["peerPid"], wait=2))["state"] == "COMPLETED" else None,
        )
        outcomes = [one["outcome"] for one in client.agreement(agreement)["accesses"]]
    assert theirs["status"]["waitsFor"] is None
    assert outcomes.count("completed") == 1
    assert outcomes.count("started") == 1
