"""Headless Chromium, driven through its DevTools protocol: enough to look at pages and to ask them questions."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest

FINDER = Path(__file__).resolve().parents[2] / "scripts" / "browser"

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    # Pages scroll at once: a place read in the middle of a smooth scroll is another place a moment later.
    "--force-prefers-reduced-motion",
    "--remote-debugging-port=0",
)

PATIENCE = 120.0
"""Seconds for a page or a map on a machine that does much else."""


class NoAnswerError(AssertionError):
    """The page went while a question was put to it, or has not the part that the question names."""


def binary() -> str:
    """The path of a browser; skips the test with the reason where there is none."""
    search = subprocess.run([FINDER, "--find"], capture_output=True, text=True, check=False)
    if search.returncode != 0:
        pytest.skip(search.stderr.strip() or "no Chromium here: scripts/browser installs one")
    return search.stdout.strip()


class Chromium:
    """One browser process with one tab and a profile of its own, thrown away afterwards."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._profile = tempfile.mkdtemp(prefix="hansa-browser-")
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self.loaded = asyncio.Event()
        self.troubles: list[str] = []
        """Errors of the console, refused resources, requests to other hosts: a good page has none."""
        self.requests: list[str] = []

    async def __aenter__(self) -> Self:
        arguments = [self._path, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = await asyncio.create_subprocess_exec(
            *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        port = await self._port()
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            tabs = await answer.json()
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        self._socket = await self._session.ws_connect(address, max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._socket.close()
        await self._session.close()
        self._process.terminate()
        await self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    async def _port(self) -> int:
        chosen = Path(self._profile) / "DevToolsActivePort"
        for _ in range(600):
            if chosen.exists() and (lines := chosen.read_text().splitlines()):
                return int(lines[0])
            if self._process.returncode is not None:
                pytest.skip(f"the browser ended at once with status {self._process.returncode}")
            await asyncio.sleep(0.05)
        raise TimeoutError("the browser did not open its debugging port")

    async def _read(self) -> None:
        async for message in self._socket:
            event = json.loads(message.data)
            if "id" in event:
                self._waiting.pop(event["id"]).set_result(event)
                continue
            match event["method"]:
                case "Page.loadEventFired":
                    self.loaded.set()
                case "Log.entryAdded" if event["params"]["entry"]["level"] == "error":
                    self.troubles.append(event["params"]["entry"]["text"])
                case "Runtime.exceptionThrown":
                    self.troubles.append(event["params"]["exceptionDetails"]["text"])
                case "Network.requestWillBeSent":
                    self.requests.append(event["params"]["request"]["url"])

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; its result."""
        self._number += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = answer
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        event = await asyncio.wait_for(answer, PATIENCE)
        if "error" in event:
            kind = NoAnswerError if "navigated" in event["error"]["message"] else AssertionError
            raise kind(f"{method}: {event['error']}")
        result: dict[str, Any] = event["result"]
        return result

    async def look(
        self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False, scripts: bool = True
    ) -> None:
        """Open ``url`` in a window of this size."""
        await self.resize(width=width, height=height, dark=dark)
        await self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.troubles.clear()
        self.requests.clear()
        self.loaded.clear()
        await self.send("Page.navigate", url=url)
        await self.settled()

    async def resize(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show the page that is open in a window of another size."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = "dark" if dark else "light"
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def settled(self) -> None:
        """Wait until the page that is on its way has loaded."""
        await asyncio.wait_for(self.loaded.wait(), PATIENCE)

    async def cookie(self, url: str, name: str, value: str) -> None:
        await self.send("Network.setCookie", url=url, name=name, value=value, httpOnly=True)

    async def forget_cookies(self) -> None:
        await self.send("Network.clearBrowserCookies")

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page (works where the page's own scripts are off)."""
        result = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise NoAnswerError(result["exceptionDetails"])
        return result["result"].get("value")

    async def until(self, expression: str, *, seconds: float = PATIENCE) -> Any:
        """The value of an expression that only asks, as soon as it is true: on this page or on the next one."""
        clock = asyncio.get_running_loop()
        end = clock.time() + seconds
        while clock.time() < end:
            with contextlib.suppress(NoAnswerError):
                # A part of the page is no value that could be sent: that there is one is the answer.
                if value := await self.ask(f"(value => value instanceof Node || value)({expression})"):
                    return value
            await asyncio.sleep(0.05)
        words = await self.ask("document.querySelector('main')?.textContent.replace(/\\s+/g, ' ').slice(0, 500)")
        raise AssertionError(f"never true: {expression}; {self.troubles}; {words}")

    async def press(self, key: str, code: int, *, shift: bool = False) -> None:
        """A key, as from a keyboard."""
        for kind in ("rawKeyDown", "keyUp"):
            await self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0,
            )
        if key == "Enter":
            await self.send("Input.dispatchKeyEvent", type="char", text="\r")

    async def picture(self, path: Path, *, limit: int = 6000, quality: int = 60) -> None:
        """The whole page, at most ``limit`` pixels high; as PNG, or as WebP where ``path`` ends so."""
        size = (await self.send("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], limit), "scale": 1}
        form: dict[str, Any] = {"format": "webp", "quality": quality} if path.suffix == ".webp" else {"format": "png"}
        shot = await self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip, **form)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def printed(self, path: Path) -> None:
        """The page as PDF, as on paper."""
        result = await self.send("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(result["data"]))


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Chromium]:
    """A browser for one test."""
    async with Chromium(binary()) as chromium:
        yield chromium
