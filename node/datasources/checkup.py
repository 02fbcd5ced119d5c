"""Try a data source: reach it, list it, read from it, and say in words what works and what could be offered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import HansaError
from node.datasources.brokers.ports import MessageConnection, MessageSession
from node.datasources.model import DataSource
from node.datasources.ports import DataConnection, Item, Question, ServiceConnection, Span
from node.datasources.register import DataSources
from node.exchange.offloop import close_stream, off_loop
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.texts.catalogue import Catalogue

SHOWN: Final = 50
_TASTE: Final = 64 * 1024
_WAIT: Final = 3.0
"""Seconds for the first message of a broker."""
_TEXTS: Final = Catalogue("datasources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried. ``name`` is list, read, range or query; of a broker connect, subscribe or message."""

    name: str
    passed: bool
    text: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {"step": self.name, "passed": self.passed, "text": self.text}
        return {**members, "remedy": self.remedy} if self.remedy else members


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of a trial: its steps, and the items that this node could offer."""

    source: DataSource
    steps: tuple[Step, ...]
    items: tuple[Item, ...] = ()

    @property
    def is_passed(self) -> bool:
        return all(step.passed for step in self.steps)


class TryDataSource:
    """Tries data sources for people."""

    def __init__(self, sources: DataSources) -> None:
        self._sources = sources

    async def __call__(self, name: str, by: Caller, *, item: str = "", language: str = "en") -> Report:
        """Return what works. Nothing is stored. Raises ``NotAllowed``, and ``NotFound`` if there is no such source:
        any other fault is a step of the report."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        source = await off_loop(self._sources.source, name, by)
        try:
            _, connection = await off_loop(self._sources.connect, name)
            if connection.abilities.sends_messages and isinstance(connection, MessageConnection):
                return Report(source=source, steps=tuple(await _listen(connection, item, language)))
            items = tuple(await connection.items(SHOWN))
        except HansaError as error:
            return Report(source=source, steps=(_failure("list", error),))
        steps = [_listing(connection, items, language)]
        sample = item or (items[0].path if items else "")
        if sample:
            known = next((entry for entry in items if entry.path == sample), Item(path=sample))
            steps += await _read(connection, known, language)
        return Report(source=source, steps=tuple(steps), items=items or ((Item(path=item),) if item else ()))


def _listing(connection: DataConnection, items: Sequence[Item], language: str) -> Step:
    if not connection.abilities.lists:
        return Step(name="list", passed=True, text=_TEXTS.say(language, "list.cannot"))
    if not items:
        return Step(
            name="list",
            passed=False,
            text=_TEXTS.say(language, "list.empty"),
            remedy=_TEXTS.say(language, "list.empty.remedy"),
        )
    return Step(name="list", passed=True, text=_TEXTS.say(language, "list.items", len(items), number=len(items)))


async def _listen(broker: MessageConnection, topic: str, language: str) -> list[Step]:
    """Connect to a broker, subscribe to a topic, and wait for a message, which stays with the broker."""
    steps: list[Step] = []
    try:
        async with broker.listen("", ""):
            steps.append(Step(name="connect", passed=True, text=_TEXTS.say(language, "broker.connected")))
        if not topic:
            return [*steps, Step(name="subscribe", passed=True, text=_TEXTS.say(language, "broker.topic"))]
        broker.check_topic(topic)
        async with broker.listen(topic, "") as session:
            key = "broker.subscribed" if session.is_lasting else "broker.once"
            steps.append(Step(name="subscribe", passed=True, text=_TEXTS.say(language, key, topic=topic)))
            steps.append(await _message(session, language))
    except HansaError as error:
        steps.append(_failure("subscribe" if steps else "connect", error))
    return steps


async def _message(session: MessageSession, language: str) -> Step:
    try:
        async with asyncio.timeout(_WAIT):
            message = (await session.messages())[0]
    except TimeoutError:
        return Step(name="message", passed=True, text=_TEXTS.say(language, "broker.silent", seconds=int(_WAIT)))
    text = _TEXTS.say(language, "broker.message", topic=message.topic[:200], bytes=len(message.payload))
    return Step(name="message", passed=True, text=text)


async def _read(connection: DataConnection, item: Item, language: str) -> list[Step]:
    """Read the beginning of an item, then a part of it."""
    question = Question(media_type=item.media_type, base="https://example.org/live")
    if item.path.endswith("/"):
        question = replace(question, accept="*/*")
    try:
        if isinstance(connection, ServiceConnection):
            question = replace(question, parameters=await connection.sample(item.path), accept="*/*")
        sample, media_type = await _taste(connection, item.path, question)
    except HansaError as error:
        return [_failure("read", error)]
    kind = media_type.partition(";")[0] or "?"
    if connection.is_description(item.path, "", question.parameters):
        text = _TEXTS.say(language, "read.api", item=item.path)
    else:
        text = _TEXTS.say(language, "read.works", item=item.path, bytes=sample, type=kind)
    steps = [Step(name="read", passed=True, text=text)]
    abilities = connection.abilities
    if abilities.ranges and sample and not item.path.endswith("/"):
        steps.append(await _try_range(connection, item.path, question, language))
    if abilities.questions:
        names = ", ".join(name for name in abilities.questions if name != "*")
        key = "query.names" if names else "query.any"
        if names or item.path.endswith("/"):
            steps.append(Step(name="query", passed=True, text=_TEXTS.say(language, key, names=names)))
    return steps


async def _try_range(connection: DataConnection, path: str, question: Question, language: str) -> Step:
    try:
        async with connection.read(path, replace(question, span=Span(start=0, end=1))) as extract:
            works = extract.is_part
            await close_stream(extract.chunks)
    except HansaError as error:
        return _failure("range", error)
    return Step(name="range", passed=True, text=_TEXTS.say(language, "range.works" if works else "range.missing"))


async def _taste(connection: DataConnection, path: str, question: Question) -> tuple[int, str]:
    """Return the number of bytes that were read from the beginning of an item, and its type."""
    size = 0
    async with connection.read(path, question) as extract:
        async for chunk in extract.chunks:
            size += len(chunk)
            if size >= _TASTE:
                break
        await close_stream(extract.chunks)
        return size, extract.media_type


def _failure(name: str, error: HansaError) -> Step:
    return Step(name=name, passed=False, text=error.detail, remedy=error.remedy)
