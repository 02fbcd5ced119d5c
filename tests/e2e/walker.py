"""A person at a real browser: goes through pages by keyboard alone, or by mouse with scripts off, and is counted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.chromium import Chromium

TAB: Final = 9
MOST_TABS: Final = 400
_SECONDS: Final = 30


@dataclass
class Tally:
    """What a task takes: pages between the one it begins on and its outcome, links and buttons, answers, presses of
    Tab, seconds."""

    screens: int = 0
    clicks: int = 0
    answers: int = 0
    tabs: int = 0
    seconds: float = 0.0


class Walker:
    """Acts in the tab of a browser. ``keyboard``: scripts are on, and no mouse is used; else the other way round."""

    def __init__(self, tab: Chromium, base: str, *, keyboard: bool) -> None:
        self.tab = tab
        self.base = base
        self.keyboard = keyboard
        self.tally = Tally()
        self._began = 0.0

    async def begin(self, path: str = "/") -> None:
        """Begin a task on a page."""
        self.tally, self._began = Tally(screens=-1), time.monotonic()
        await self.tab.look(self.base + path, scripts=self.keyboard)

    def end(self) -> Tally:
        """Return what the task took."""
        self.tally.seconds = time.monotonic() - self._began
        return self.tally

    async def sign_in(self, login: str, password: str) -> None:
        await self.begin("/sign-in")
        await self.type("#login", login)
        await self.type("#password", password)
        await self.go("main form button")

    async def type(self, selector: str, text: str) -> None:
        """Put ``text`` into a field in place of what is there."""
        self.tally.answers += 1
        await self._reach(selector)
        await self.tab.ask(f"document.querySelector({selector!r}).select()")
        await self.tab.send("Input.insertText", text=text)

    async def tick(self, selector: str) -> None:
        """Tick a box, or choose one of several."""
        self.tally.answers += 1
        if self.keyboard:
            await self._reach(selector, of_group=True)
            while not await self.tab.ask(f"document.activeElement.matches({selector!r})"):
                await self.tab.press("ArrowDown", 40)
            if not await self.tab.ask(f"document.querySelector({selector!r}).checked"):
                await self._key(" ", "Space", 32)
        else:
            await self._click(selector)
        assert await self.tab.ask(f"document.querySelector({selector!r}).checked"), selector

    async def choose(self, field: str, text: str) -> None:
        """Choose the term ``text`` of a long list: typed in a combobox, or in the plain list of a browser."""
        self.tally.answers += 1
        if self.keyboard:
            await self._reach(f"#{field}")
            await self.tab.ask(f"document.getElementById({field!r}).select()")
            await self.tab.send("Input.insertText", text=text)
            await self.tab.press("ArrowDown", 40)
            await self._key("\r", "Enter", 13)
        else:
            # The list that a browser opens is none of the page, and takes the next click: it stays closed here.
            await self.tab.ask(f"document.getElementById({field!r}).focus()")
            choice = (
                f"(list => list.value = [...list.options].find(o => o.text.startsWith({text!r})).value)"
                f"(document.getElementById({field!r}))"
            )
            await self.tab.ask(choice)
        chosen = f"document.querySelector('[name={field}]').value"
        assert await self.tab.ask(chosen), (field, text)

    async def attach(self, selector: str, file: Path) -> None:
        """Choose a file. The window in which this is done is the browser's own."""
        self.tally.answers += 1
        await self._reach(selector)
        document = await self.tab.send("DOM.getDocument")
        control = await self.tab.send("DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector)
        await self.tab.send("DOM.setFileInputFiles", nodeId=control["nodeId"], files=[str(file)])

    async def go(self, selector: str, text: str = "") -> None:
        """Follow a link or press a button, by its text if there are several; wait for the next page."""
        self.tally.clicks += 1
        self.tally.screens += 1
        await self._mark(selector, text)
        self.tab.loaded.clear()
        if self.keyboard:
            await self._reach("[data-walk]")
            await self._key("\r", "Enter", 13)
        else:
            await self._click("[data-walk]")
        try:
            await asyncio.wait_for(self.tab.loaded.wait(), _SECONDS)
        except TimeoutError:
            raise AssertionError(f"no page after {selector} {text!r}: {await self.words()}") from None

    async def menu(self, section: str, page: str = "") -> None:
        """Open a page over the menu of the house: its section, then its page."""
        await self.go("header nav a, header summary, nav a", section)
        if page:
            await self.go("nav a", page)

    async def words(self) -> str:
        """Return the text of the page without its frame."""
        return str(await self.tab.ask("document.querySelector('main').innerText"))

    async def until(self, words: str) -> None:
        """Look at the page again until it has ``words``; a page that renews itself does so without us."""
        for _ in range(_SECONDS * 2):
            if words in await self.words():
                return
            await asyncio.sleep(0.5)
            await self.tab.look(await self.tab.ask("location.href"), scripts=self.keyboard)
        raise AssertionError(f"{words!r} is not on the page: {await self.words()}")

    async def _mark(self, selector: str, text: str) -> None:
        fits = f"e => e.offsetParent !== null && e.tabIndex >= 0 && e.innerText.trim().startsWith({text!r})"
        script = (
            "document.querySelectorAll('[data-walk]').forEach(e => e.removeAttribute('data-walk'));"
            f"(e => e ? (e.setAttribute('data-walk', ''), true) : false)"
            f"([...document.querySelectorAll({selector!r})].find({fits}))"
        )
        if not await self.tab.ask(script):
            raise AssertionError(
                f"no {selector} {text!r} on {await self.tab.ask('location.href')}: {await self.words()}"
            )

    async def _reach(self, selector: str, *, of_group: bool = False) -> None:
        """Bring the focus to a control: by Tab alone, or by a click."""
        if not self.keyboard:
            await self._click(selector)
            return
        # Of several radio buttons, Tab stops at one.
        control = f"document.querySelector({selector!r})"
        there = f"document.activeElement.matches({selector!r})"
        if of_group:
            there += f" || ({control}.type === 'radio' && document.activeElement.name === {control}.name)"
        for _ in range(MOST_TABS):
            if await self.tab.ask(there):
                return
            self.tally.tabs += 1
            await self.tab.press("Tab", TAB)
        raise AssertionError(f"Tab does not come to {selector} on {await self.tab.ask('location.href')}")

    async def _click(self, selector: str) -> None:
        spot = await self.tab.ask(
            "(e => { e.scrollIntoView({block: 'center', behavior: 'instant'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })"
            f"(document.querySelector({selector!r}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.tab.send(
                "Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=1
            )

    async def _key(self, text: str, code: str, number: int) -> None:
        more: dict[str, Any] = {"key": "Enter" if code == "Enter" else text, "code": code}
        await self.tab.send("Input.dispatchKeyEvent", type="keyDown", text=text, windowsVirtualKeyCode=number, **more)
        await self.tab.send("Input.dispatchKeyEvent", type="keyUp", windowsVirtualKeyCode=number, **more)
