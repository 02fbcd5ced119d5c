"""Describes requests to a node apart from their sending, so that two clients share each of them.

A method of the API is written once, as a function that returns a ``Call``: the request, and how its answer is read.
The decorators below bind it to a client. A ``SyncSender`` sends the call and returns the value; an ``AsyncSender``
returns an awaitable of the same value. Type checkers see the parameters and the result of both.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

import httpx2

P = ParamSpec("P")
T = TypeVar("T")
C_co = TypeVar("C_co", covariant=True)

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all)."""

Steps = Generator["Call[Any]", Any, T]
"""Several requests, each of which may depend on the answers before it: it yields calls, and is sent their values."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how the value is read from its answer. ``body`` is a file that is sent piece by piece."""

    method: str
    url: str
    read: Callable[[httpx2.Response], T]
    options: Mapping[str, Any] = field(default_factory=dict)
    body: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and the call for the next part; None after the last one."""

    items: list[T]
    next: Call[Page[T]] | None


def document(method: str, url: str, **options: Any) -> Call[dict[str, Any]]:
    """Return a call whose answer is a JSON object. ``options`` are those of an HTTP request."""
    return Call(method, url, lambda answer: dict(answer.json()), options)


def idempotency(key: str) -> dict[str, str]:
    """Return the header of a request that is carried out once, however often it is sent with this ``key``; none for
    an empty one."""
    return {"Idempotency-Key": key} if key else {}


def rows(method: str, url: str, **options: Any) -> Call[list[dict[str, Any]]]:
    """Return a call whose answer is a JSON array of objects."""
    return Call(method, url, lambda answer: list(answer.json()), options)


def nothing(method: str, url: str, **options: Any) -> Call[None]:
    """Return a call whose answer is not read."""
    return Call(method, url, lambda _: None, options)


def content(method: str, url: str, **options: Any) -> Call[bytes]:
    """Return a call whose answer is bytes."""
    return Call(method, url, lambda answer: bytes(answer.content), {"timeout": None, **options})


class SyncSender(ABC):
    """A client whose methods wait for the answer."""

    @abstractmethod
    def perform(self, call: Call[T]) -> T:
        """Send the request and return its value. Raises ``Refusal``, ``PeerUnreachable``."""

    @abstractmethod
    def perform_lines(self, call: Call[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Send the request and yield the JSON object of each line as it arrives. Raises as ``perform``."""


class AsyncSender(ABC):
    """A client whose methods are awaited."""

    @abstractmethod
    async def perform(self, call: Call[T]) -> T:
        """Send the request and return its value. Raises ``Refusal``, ``PeerUnreachable``."""

    @abstractmethod
    def perform_lines(self, call: Call[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """Send the request and yield the JSON object of each line as it arrives. Raises as ``perform``."""


class CallGroup(Generic[C_co]):
    """Methods about one subject, on behalf of a client."""

    def __init__(self, client: C_co) -> None:
        self._client = client


class _Bound(Generic[P, T]):
    """A method of both clients, written once as the function ``build``."""

    def __init__(self, build: Callable[Concatenate[Any, P], T]) -> None:
        self._build = build
        functools.update_wrapper(cast("Any", self), build)

    def _bind(self, holder: Any, execute: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        client = holder._client if isinstance(holder, CallGroup) else holder

        @functools.wraps(self._build)
        def method(*args: Any, **options: Any) -> Any:
            return execute(client, self._build(holder, *args, **options))

        # Tools for notebooks show the signature of a method without its ``self``.
        method.__wrapped__ = functools.partial(self._build, holder)
        return method


Sync = SyncSender | CallGroup[SyncSender]
Async = AsyncSender | CallGroup[AsyncSender]


class endpoint(_Bound[P, Call[T]]):  # noqa: N801 - a decorator
    """A method that sends one request."""

    @overload
    def __get__(self, holder: Sync, owner: object = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, holder: Async, owner: object = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, holder: None, owner: object = None) -> endpoint[P, T]: ...
    def __get__(self, holder: Any, owner: object = None) -> Any:
        return self if holder is None else self._bind(holder, lambda client, call: client.perform(call))


class flow(_Bound[P, Steps[T]]):  # noqa: N801 - a decorator
    """A method that sends several requests, one after the other."""

    @overload
    def __get__(self, holder: Sync, owner: object = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, holder: Async, owner: object = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, holder: None, owner: object = None) -> flow[P, T]: ...
    def __get__(self, holder: Any, owner: object = None) -> Any:
        return self if holder is None else self._bind(holder, _perform_steps)


class listing(_Bound[P, Call[Page[T]]]):  # noqa: N801 - a decorator
    """A method that yields the items of a list, and requests its pages as they are needed."""

    @overload
    def __get__(self, holder: Sync, owner: object = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, holder: Async, owner: object = None) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, holder: None, owner: object = None) -> listing[P, T]: ...
    def __get__(self, holder: Any, owner: object = None) -> Any:
        return self if holder is None else self._bind(holder, _perform_pages)


class lines(_Bound[P, Call[dict[str, Any]]]):  # noqa: N801 - a decorator
    """A method that yields the JSON objects of an answer as they arrive, one in each line."""

    @overload
    def __get__(self, holder: Sync, owner: object = None) -> Callable[P, Iterator[dict[str, Any]]]: ...
    @overload
    def __get__(self, holder: Async, owner: object = None) -> Callable[P, AsyncIterator[dict[str, Any]]]: ...
    @overload
    def __get__(self, holder: None, owner: object = None) -> lines[P]: ...
    def __get__(self, holder: Any, owner: object = None) -> Any:
        return self if holder is None else self._bind(holder, lambda client, call: client.perform_lines(call))


def _perform_steps(client: SyncSender | AsyncSender, steps: Steps[T]) -> T | Coroutine[Any, Any, T]:
    if isinstance(client, AsyncSender):
        return _await_steps(client, steps)
    value: Any = None
    while True:
        try:
            call = steps.send(value)
        except StopIteration as end:
            return cast("T", end.value)
        value = client.perform(call)


async def _await_steps(client: AsyncSender, steps: Steps[T]) -> T:
    value: Any = None
    while True:
        try:
            call = steps.send(value)
        except StopIteration as end:
            return cast("T", end.value)
        value = await client.perform(call)


def _perform_pages(client: SyncSender | AsyncSender, call: Call[Page[T]]) -> Iterator[T] | AsyncIterator[T]:
    return _await_pages(client, call) if isinstance(client, AsyncSender) else _yield_pages(client, call)


def _yield_pages(client: SyncSender, call: Call[Page[T]] | None) -> Iterator[T]:
    while call is not None:
        page = client.perform(call)
        yield from page.items
        call = page.next


async def _await_pages(client: AsyncSender, call: Call[Page[T]] | None) -> AsyncIterator[T]:
    while call is not None:
        page = await client.perform(call)
        for item in page.items:
            yield item
        call = page.next
