"""A slice of the sweep over the crash points, and what makes the whole of it whole.

``make sweep`` is all of it. Each point here is another place of another kind: on either side, before and after the
commit, the send and the answer, and in a view. Those of a reception: ``test_sealed_transfer.py``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node.negotiation import machine as negotiating
from node.transfer import machine as transferring
from tests.sweep.__main__ import run, summary
from tests.sweep.points import RECEIVING, SENDING, in_order, points

ROOT = Path(__file__).resolve().parents[3]
SLICE = (
    "contract negotiation.ContractOfferMessage.S1 at the provider",
    "contract negotiation.ContractAgreementMessage.R4 at the consumer",
    "contract negotiation.ContractAgreementVerificationMessage.S3 at the consumer",
    "transfer process.TransferCompletionMessage.R2 at the provider (fetched)",
    "transfer process.TransferSuspensionMessage.R3 at the consumer",
    "projection.graph.P2 at the provider",
)


@pytest.mark.slow
def test_a_slice_of_the_sweep(tmp_path: Path) -> None:
    chosen = [next(point for point in points() if str(point).startswith(name)) for name in SLICE]
    outcomes, found = run(chosen, tmp_path)
    assert (found.lost, found.doubled, found.diverged) == ([], [], []), summary(outcomes, found)
    assert [str(outcome.point) for outcome in outcomes if not outcome.reached] == []
    assert len(outcomes) == len(SLICE)


def test_every_place_of_every_message_is_swept_from_each_side_that_may_send_it() -> None:
    everything = points()
    swept = {(point.named, point.victim) for point in everything if point.kind}
    expected = set()
    for table in (negotiating.TABLE, transferring.TABLE):
        moves = [(name, move) for (_, name), move in table.moves.items()]
        for name, move in (*table.openings.items(), *moves):
            for sender in move.senders:
                expected |= {(f"{table.name}.{name}.{place}", sender) for place in SENDING}
                expected |= {(f"{table.name}.{name}.{place}", sender.other) for place in RECEIVING}
    assert swept == expected
    assert len({point.named for point in everything if point.kind}) == 12 * 9
    assert len(set(everything)) == len(everything)
    assert sorted(in_order(everything), key=str) == sorted(everything, key=str)


DOOR = """
import socket, sys, uvicorn
from node.dialogue.conversation import Answer
from node.web.replies import reply
async def door(scope, receive, send):
    await reply(Answer(200, {"state": "x" * 1000}), "ContractOfferMessage")(scope, receive, send)
with socket.socket(fileno=int(sys.argv[1])) as listener:
    config = uvicorn.Config(door, loop="uvloop", http="httptools", log_config=None, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])
"""


@pytest.mark.parametrize("asked", ["", "contract negotiation.ContractOfferMessage.R4"])
def test_half_of_an_answer_is_on_the_wire_when_its_sender_dies(asked: str) -> None:
    """R4: the peer reads the status and a part of the body, and then the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", DOOR, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            env={**os.environ, "HANSA_CRASHPOINT": asked},
            cwd=ROOT,
        )
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: peer.recv(65536), b""))
        finally:
            if not asked:
                process.kill()
            ended = process.wait(60)
    head, _, body = answer.partition(b"\r\n\r\n")
    whole = len(json.dumps({"state": "x" * 1000}, separators=(",", ":")))
    assert head.startswith(b"HTTP/1.1 200"), answer
    assert f"content-length: {whole}".encode() in head
    assert len(body) == (whole // 2 if asked else whole)
    assert ended == -signal.SIGKILL
