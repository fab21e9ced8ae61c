"""One tab of the browser: clicks, types, and reads what its websocket carries."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from server.protocol.native import AudioFrame, unpack_audio

Message = dict[str, Any]

SECONDS = 15.0
"""How long something may take to happen before a test fails."""


class Caller(Protocol):
    """The browser that the tab is in."""

    async def call(self, method: str, session: str = "", **parameters: Any) -> Message:
        """A command and its result."""


class Page:
    """One tab. `problems` holds everything that its console would show as an error."""

    def __init__(self, browser: Caller, session: str) -> None:
        self.problems: list[str] = []
        self.sent: list[Message] = []
        """What the page sent on its websocket, in JSON."""
        self.got: list[Message] = []
        """What the server sent it."""
        self.frames: list[AudioFrame] = []
        self.sound = b""
        """PCM of the microphone, as the page sent it."""
        self._browser, self._session = browser, session
        self._news = asyncio.Event()

    async def call(self, method: str, **parameters: Any) -> Message:
        """A command of the DevTools protocol for this tab."""
        return await self._browser.call(method, self._session, **parameters)

    async def go(self, url: str) -> None:
        """Opens an address; `wait` for what is to be there."""
        await self.call("Page.navigate", url=url)

    async def reload(self) -> None:
        """Loads the page anew."""
        await self.call("Page.reload")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited; raises what it throws."""
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
            returnByValue=True)  # fmt: skip
        if thrown := result.get("exceptionDetails"):
            raise RuntimeError(_exception(thrown))
        return result["result"].get("value")

    async def wait(self, condition: str) -> None:
        """Waits for a JavaScript condition."""
        look = f"""new Promise((found) => {{
            const end = performance.now() + {SECONDS * 1000};
            (function look() {{
                let value = false;
                try {{ value = Boolean({condition}); }} catch {{ /* not yet */ }}
                if (value || performance.now() > end) found(value); else setTimeout(look, 10);
            }})();
        }})"""
        try:
            come_true = await self.evaluate(look)
        except RuntimeError as error:
            if "context was destroyed" not in str(error) and "navigated" not in str(error):
                raise
            return await self.wait(condition)  # the page was loaded anew under it
        assert come_true, f"in {SECONDS} s not: {condition}\n{await self.text()}"

    async def text(self, selector: str = "body") -> str:
        """The text of an element, as it is seen."""
        found = await self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText")
        assert found is not None, f"there is no {selector}"
        return str(found)

    async def click(self, selector: str) -> None:
        """Clicks in the middle of an element, as a mouse does."""
        box = await self.evaluate(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2, box.width]; })()"
        )
        assert box[2], f"{selector} cannot be seen"
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1],
                button="left", clickCount=1)  # fmt: skip

    async def type(self, text: str) -> None:
        """Types into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def enter(self) -> None:
        """Presses Enter."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    async def resize(self, width: int, height: int) -> None:
        """The size of the window's inside; below 600 wide it is a phone's."""
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=width < 600)  # fmt: skip

    async def dark(self, dark: bool) -> None:
        """The colour scheme that the user prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, file: Path) -> None:
        """What is to be seen now, as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))

    async def received(
        self, type: str, nth: int = 1, seconds: float = SECONDS, **fields: Any
    ) -> Message:
        """The nth message of the server of that type with these fields, waited for."""

        def found() -> list[Message]:
            return [m for m in self.got if m["type"] == type and fields.items() <= m.items()]

        await self.until(lambda: len(found()) >= nth, seconds, f"{nth} {type} {fields}")
        return found()[nth - 1]

    async def until(
        self, condition: Callable[[], bool], seconds: float = SECONDS, what: str = ""
    ) -> None:
        """Waits for a condition on what went over the wire."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {seconds} s: {what}; {self.got[-12:]}") from None

    def of(self, type: str) -> list[Message]:
        """The messages of the server of a type."""
        return [message for message in self.got if message["type"] == type]

    def take(self, method: str, given: Message) -> None:
        """An event of the browser."""
        match method:
            case "Network.webSocketFrameSent":
                self._sent(given["response"])
            case "Network.webSocketFrameReceived":
                self._received(given["response"])
            case "Runtime.exceptionThrown":
                self.problems.append(_exception(given["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if given["type"] in ("error", "assert"):
                self.problems.append(" ".join(str(a.get("value", a)) for a in given["args"]))
            case "Log.entryAdded" if given["entry"]["level"] == "error":
                self.problems.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        self._news.set()

    def _sent(self, frame: Message) -> None:
        if frame["opcode"] == 1:
            self.sent.append(json.loads(frame["payloadData"]))
        elif frame["opcode"] == 2:
            self.sound += base64.b64decode(frame["payloadData"])

    def _received(self, frame: Message) -> None:
        if frame["opcode"] == 1:
            self.got.append(json.loads(frame["payloadData"]))
        elif frame["opcode"] == 2:
            self.frames.append(unpack_audio(base64.b64decode(frame["payloadData"])))


def _exception(thrown: Message) -> str:
    return str(thrown.get("exception", {}).get("description") or thrown["text"])
