"""What a child tells while it runs, honest or not."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.base.errors import LocalFault, Overloaded, TooLarge
from node.cage.cage import Cage
from node.cage.model import Limits
from node.cage.reports import tell
from node.cage.wire import LONGEST_REPORT, MOST_REPORTS, Answer, frame, report_frame
from tests.fork_servers import fork_server_pid
from tests.unit.cage.test_cage import children, until

TABLE = {
    name: f"tests.unit.cage.hostile:{name}" for name in ("echo", "report", "report_at_length", "forge", "spin")
} | {"models.spin": "tests.unit.cage.hostile:spin", "models.echo": "tests.unit.cage.hostile:echo"}
LIMITS = Limits(memory=256 << 20, cpu=5, wall=10.0)


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    cage = Cage(targets=TABLE)
    await cage.start()
    yield cage
    await cage.stop()


async def test_a_caller_hears_what_is_told_while_the_target_runs(cage: Cage) -> None:
    heard: list[dict[str, Any]] = []
    call = asyncio.create_task(
        cage.call("report", {"count": 3, "pause": 0.4}, limits=LIMITS, on_message=heard.append)
    )
    await until(lambda: heard == [{"n": 0}])
    assert not call.done(), "told before the answer"
    assert await call == ({"done": True}, [])
    assert heard == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_threads_hear_too_and_nobody_has_to(cage: Cage) -> None:
    heard: list[dict[str, Any]] = []

    def listen() -> Any:
        return cage.call_sync("report", {"count": 2}, limits=LIMITS, on_message=heard.append)

    assert await asyncio.to_thread(listen) == ({"done": True}, [])
    assert heard == [{"n": 0}, {"n": 1}]
    assert await cage.call("report", {"count": 2}, limits=LIMITS) == ({"done": True}, [])


async def test_an_honest_target_that_tells_too_often_is_thinned_out(cage: Cage) -> None:
    heard: list[dict[str, Any]] = []
    assert await cage.call("report", {"count": 50_000}, limits=LIMITS, on_message=heard.append) == (
        {"done": True},
        [],
    )
    assert heard[:20] == [{"n": number} for number in range(20)]
    assert 20 <= len(heard) <= MOST_REPORTS


async def test_what_is_too_long_is_not_told(cage: Cage) -> None:
    heard: list[dict[str, Any]] = []
    await cage.call("report_at_length", {}, limits=LIMITS, on_message=heard.append)
    assert heard == [{"text": "short"}]


@pytest.mark.parametrize("count", [MOST_REPORTS, MOST_REPORTS + 1])
async def test_who_writes_to_the_socket_by_itself_is_counted(cage: Cage, count: int) -> None:
    message = {"count": count, "bytes": report_frame(b'{"n":1}').hex()}
    if count <= MOST_REPORTS:
        assert await cage.call("forge", message, limits=LIMITS) == ({}, [])
        return
    with pytest.raises(Overloaded) as caught:
        await cage.call("forge", message, limits=LIMITS)
    assert caught.value.facts == {"limit": "progress"}
    assert await cage.call("echo", {}, limits=LIMITS) == ({}, [])


async def test_a_listener_that_raises_stops_the_child(cage: Cage) -> None:
    def enough(value: dict[str, Any]) -> None:
        raise KeyError("enough")

    fork_server = fork_server_pid() or 0
    with pytest.raises(KeyError, match="enough"):
        await cage.call("report", {"count": 2, "pause": 9}, limits=LIMITS, on_message=enough)
    await until(lambda: children(fork_server) == [])


async def test_a_room_may_have_a_width_and_a_call_a_patience_of_its_own() -> None:
    cage = Cage(targets=TABLE, width=4, patience=9.0, widths={"models": 1})
    try:
        spinning = asyncio.create_task(cage.call("models.spin", {}, limits=LIMITS))
        await until(lambda: bool(fork_server_pid() and children(fork_server_pid())))
        with pytest.raises(
            Overloaded, match=r"works on 1 of these at the same time, and none has ended within 0\.2 seconds"
        ):
            await cage.call("models.echo", {}, limits=LIMITS, patience=0.2)
        assert await cage.call("echo", {}, limits=LIMITS, patience=0.2) == ({}, [])
        spinning.cancel()
        await asyncio.gather(spinning, return_exceptions=True)
        assert await cage.call("models.echo", {}, limits=LIMITS, patience=5.0) == ({}, [])
    finally:
        await cage.stop()


def test_outside_the_cage_nobody_listens() -> None:
    tell({"n": 1})


def test_tellings_come_out_whole_in_whatever_pieces_they_come_in() -> None:
    told = [b'{"n":1}', b"{}", b'{"text":"\xc3\xa9"}']
    whole = b"".join(map(report_frame, told)) + b"".join(frame({"value": {"a": 1}}, [b"xyz"]))
    for size in (1, 3, 7, len(whole)):
        answer, heard = Answer(LIMITS), []
        for at in range(0, len(whole), size):
            complete = answer.feed(whole[at : at + size])
            heard += answer.tellings()
        assert complete
        assert heard == [{"n": 1}, {}, {"text": "é"}]
        assert answer.value() == ({"a": 1}, [b"xyz"])


@pytest.mark.parametrize(
    "bytes_",
    [
        b"tell" + struct.pack("!II", LONGEST_REPORT + 1, 0),
        b"tell" + struct.pack("!II", 2, 1),
        report_frame(b"[]"),
        report_frame(b"nonsense"),
        report_frame(b"[" * 4000),
        b"yell" + struct.pack("!II", 2, 0),
    ],
)
def test_a_telling_that_is_none_is_nonsense(bytes_: bytes) -> None:
    with pytest.raises(LocalFault, match="invalid answer"):
        Answer(LIMITS).feed(bytes_)


def test_an_answer_behind_tellings_is_bounded_like_any() -> None:
    answer = Answer(Limits(answer=1 << 16))
    with pytest.raises(TooLarge):
        answer.feed(report_frame(b"{}") + b"says" + struct.pack("!IIQ", 10, 1, 1 << 20))
