"""Threads for reading: few, taken in turns, and never those that writes need."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from node.base.errors import Overloaded
from node.base.threads import (
    LONGEST_WAIT,
    OF_ONE,
    OF_STRANGERS,
    READING,
    NodeThreads,
    Reader,
    in_thread,
    read_briefly,
    reading_for,
    threads_of,
)
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.waits import until

PERSON, OTHER = Reader("anna", is_stranger=False), Reader("bob", is_stranger=False)


def stranger(number: int) -> Reader:
    return Reader(f"198.51.100.{number}", is_stranger=True)


class Standing:
    """Work that stands still until it may end."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.begun: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, name: str) -> str:
        with self._lock:
            self.begun.append(name)
        self.ended.wait(20)
        return threading.current_thread().name


@pytest.fixture
def standing() -> Iterator[Standing]:
    work = Standing()
    yield work
    work.ended.set()


@pytest.fixture
def threads() -> Iterator[NodeThreads]:
    pool = NodeThreads(1)
    yield pool
    pool.shutdown()


async def read(pool: NodeThreads, reader: Reader, work: Standing, name: str) -> str:
    with reading_for(reader):
        return await asyncio.get_running_loop().run_in_executor(pool, work, name)


async def test_other_work_does_not_wait_for_reads(threads: NodeThreads, standing: Standing) -> None:
    reads = [asyncio.create_task(read(threads, PERSON, standing, "read")) for _ in range(64)]
    await asyncio.to_thread(until, "as many read as may", lambda: len(standing.begun) == OF_ONE)
    name = await asyncio.get_running_loop().run_in_executor(threads, lambda: threading.current_thread().name)
    assert not name.startswith("hansa-reading")
    assert not any(one.done() for one in reads)
    standing.ended.set()
    assert all(name.startswith("hansa-reading") for name in await asyncio.gather(*reads))
    assert len(standing.begun) == 64


async def test_one_reader_leaves_threads_to_others_and_strangers_to_people(
    threads: NodeThreads, standing: Standing
) -> None:
    reads = []
    for reader in (stranger(1), stranger(2), stranger(3), PERSON):
        reads += [asyncio.create_task(read(threads, reader, standing, reader.name)) for _ in range(8)]
        await asyncio.sleep(0)
    await asyncio.to_thread(until, "all threads read", lambda: len(standing.begun) == READING)
    assert sorted(standing.begun) == [*[stranger(1).name] * OF_ONE, stranger(2).name, PERSON.name]
    assert OF_STRANGERS == READING - 1
    standing.ended.set()
    await asyncio.gather(*reads)
    assert len(standing.begun) == 32


async def test_readers_take_turns(threads: NodeThreads, standing: Standing) -> None:
    blocking = [asyncio.create_task(read(threads, Reader(f"r{n}", False), standing, "first")) for n in range(READING)]
    await asyncio.to_thread(until, "all threads read", lambda: len(standing.begun) == READING)
    order: list[str] = []

    async def note(reader: Reader) -> None:
        with reading_for(reader):
            await asyncio.get_running_loop().run_in_executor(threads, order.append, reader.name)

    waiting = []
    for reader in (PERSON, PERSON, PERSON, OTHER):
        waiting.append(asyncio.create_task(note(reader)))
        await asyncio.sleep(0)
    standing.ended.set()
    await asyncio.gather(*blocking, *waiting)
    assert order.index(OTHER.name) < 3, "the last one did not wait for all of the first"


async def test_a_read_that_nobody_waits_for_is_not_done(threads: NodeThreads, standing: Standing) -> None:
    running = [asyncio.create_task(read(threads, PERSON, standing, "first")) for _ in range(OF_ONE)]
    await asyncio.to_thread(until, "both read", lambda: len(standing.begun) == OF_ONE)
    left = asyncio.create_task(read(threads, PERSON, standing, "left"))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    standing.ended.set()
    await asyncio.gather(*running)
    assert await read(threads, PERSON, standing, "last")
    assert "left" not in standing.begun


async def test_a_read_that_waited_too_long_is_refused(standing: Standing) -> None:
    now = [0.0]
    pool = NodeThreads(1, monotonic=lambda: now[0])
    running = [asyncio.create_task(read(pool, PERSON, standing, "first")) for _ in range(OF_ONE)]
    await asyncio.to_thread(until, "both read", lambda: len(standing.begun) == OF_ONE)
    late = asyncio.create_task(read(pool, PERSON, standing, "late"))
    await asyncio.sleep(0)
    now[0] = LONGEST_WAIT + 1
    standing.ended.set()
    await asyncio.gather(*running)
    with pytest.raises(Overloaded) as refused:
        await late
    assert refused.value.remedy
    assert "late" not in standing.begun
    pool.shutdown()


async def test_errors_of_reads_are_raised_where_they_are_awaited(threads: NodeThreads) -> None:
    def fail() -> None:
        raise KeyError("x")

    with reading_for(PERSON), pytest.raises(KeyError):
        await asyncio.get_running_loop().run_in_executor(threads, fail)


async def test_a_brief_read_takes_a_thread_only_if_it_might_wait() -> None:
    class AtHand(MemoryUnitOfWork):
        reads_at_once = True

    assert await read_briefly(AtHand(), threading.get_ident) == threading.get_ident()
    assert await read_briefly(MemoryUnitOfWork(), threading.get_ident) != threading.get_ident()


async def test_work_in_a_thread_returns_raises_and_sees_the_context_of_its_caller() -> None:
    def fail() -> None:
        raise KeyError("x")

    person = ContextVar("person", default="nobody")
    person.set("anna")
    name, thread = await in_thread(lambda: (person.get(), threading.get_ident()))
    assert name == "anna"
    assert thread != threading.get_ident()
    with pytest.raises(KeyError):
        await in_thread(fail)
    loop = asyncio.get_running_loop()
    assert threads_of(loop) is threads_of(loop)
    name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
    assert name.startswith("hansa"), "they are the loop's default executor"


async def test_a_caller_that_is_cancelled_waits_for_the_end_of_its_work(standing: Standing) -> None:
    waiting = asyncio.create_task(in_thread(lambda: standing("work")))
    await asyncio.to_thread(until, "the work has begun", lambda: standing.begun == ["work"])
    waiting.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    standing.ended.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_read_in_a_thread_that_waited_too_long_is_refused(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(threads_of(asyncio.get_running_loop()), "_monotonic", lambda: now[0])

    async def read_for_person(name: str) -> str:
        with reading_for(PERSON):
            return await in_thread(lambda: standing(name))

    running = [asyncio.create_task(read_for_person("first")) for _ in range(OF_ONE)]
    await asyncio.to_thread(until, "both read", lambda: len(standing.begun) == OF_ONE)
    late = asyncio.create_task(read_for_person("late"))
    await asyncio.sleep(0)
    now[0] = LONGEST_WAIT + 1
    standing.ended.set()
    await asyncio.gather(*running)
    with pytest.raises(Overloaded):
        await late
