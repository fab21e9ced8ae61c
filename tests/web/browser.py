"""Drives a real Chromium over the DevTools protocol: it clicks, types and reads the websocket.

    async with chromium(tmp_path, microphone=wav) as browser, browser.page(url) as page:
        await page.click("#microphone")
        await page.received("turn")

The protocol is documented at https://chromedevtools.github.io/devtools-protocol/.
"""

import asyncio
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.web.tab import SECONDS, Message, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--no-default-browser-check", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--mute-audio",
    "--disable-features=Translate,MediaRouter,OptimizationHints", "--remote-debugging-port=0",
)  # fmt: skip


def executable() -> str:
    """Chromium's path; without it the test is skipped."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


@asynccontextmanager
async def chromium(
    folder: Path, *, microphone: Path | None = None, sound: bool = True
) -> AsyncIterator["Browser"]:
    """A browser of its own, with its profile in `folder`.

    `microphone`: a WAV that is played once, from its beginning, whenever a page opens the
    microphone; it may be replaced in between. None: there is no microphone. `sound`: pages may
    sound before the user has clicked.
    """
    flags = [*FLAGS, f"--user-data-dir={folder / 'profile'}"]
    if microphone:
        flags += [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        ]
    if sound:
        flags.append("--autoplay-policy=no-user-gesture-required")
    process = await asyncio.create_subprocess_exec(
        executable(),
        *flags,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr
    try:
        async with asyncio.timeout(SECONDS):
            url = await _devtools_url(process.stderr)
        draining = asyncio.create_task(_drained(process.stderr))
        async with connect(url, max_size=None, compression=None) as socket:
            browser = Browser(socket)
            reading = asyncio.create_task(browser.read())
            try:
                yield browser
            finally:
                with contextlib.suppress(Exception):
                    await browser.call("Browser.close")
                await reading
        await draining
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def _devtools_url(stderr: asyncio.StreamReader) -> str:
    said = b""
    while line := await stderr.readline():
        said += line
        _, mark, url = line.decode().partition("DevTools listening on ")
        if mark:
            return url.strip()
    raise RuntimeError(f"chromium did not start: {said.decode()[-2000:]}")


async def _drained(stderr: asyncio.StreamReader) -> None:
    while await stderr.read(65_536):
        pass


class Browser:
    """A running Chromium."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._pages: dict[str, Page] = {}

    async def call(self, method: str, session: str = "", **parameters: Any) -> Message:
        """A command and its result; raises `RuntimeError` with what the browser says."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        async with asyncio.timeout(2 * SECONDS):
            result: Message = await answer
            return result

    async def read(self) -> None:
        """Takes in what the browser says, until it closes."""
        with contextlib.suppress(ConnectionClosed):
            async for content in self._socket:
                self._take(json.loads(content))

    def _take(self, message: Message) -> None:
        if answer := self._waiting.pop(message.get("id", 0), None):
            if answer.done():
                return
            if "error" in message:
                answer.set_exception(RuntimeError(message["error"]["message"]))
            else:
                answer.set_result(message["result"])
        elif page := self._pages.get(message.get("sessionId", "")):
            page.take(message["method"], message["params"])

    @asynccontextmanager
    async def page(
        self, url: str, *, width: int = 1400, height: int = 900, dark: bool = False,
        before: str = "",
    ) -> AsyncIterator[Page]:  # fmt: skip
        """A page with cookies and storage of its own; `before`: a script that runs first."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = (await self.call("Target.createTarget", url="about:blank", width=width,
            height=height, browserContextId=context))["targetId"]  # fmt: skip
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))[
            "sessionId"
        ]
        page = self._pages[session] = Page(self, session)
        try:
            for domain in ("Page", "Runtime", "Log", "Network"):
                await page.call(f"{domain}.enable")
            await page.resize(width, height)
            await page.dark(dark)
            if before:
                await page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
            await page.go(url)
            yield page
        finally:
            with contextlib.suppress(Exception):
                await self.call("Target.disposeBrowserContext", browserContextId=context)
            del self._pages[session]
