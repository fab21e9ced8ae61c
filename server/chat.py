"""`cleans2s chat`: a conversation in the terminal, with the mind's judgements shown.

A line is a turn. Commands play with timing, so that one can see the agent wait, cut in, or be
interrupted, without a microphone.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from rich.console import Console
from rich.markup import escape

from graph.errors import BadInput, CleanS2SError
from graph.events import (
    Configured,
    Event,
    Joined,
    Left,
    Partial,
    SpeechStarted,
    SpeechStopped,
    TextTyped,
)
from graph.services import Services, build_services
from graph.settings import Settings
from graph.state import DialogueState, Utterance
from server.checkpoints import open_checkpoints
from server.session import Session, Step
from server.text_voice import TextVoice

HELP = """\
A line is a turn, complete when you press Enter. Time is real.
  /partial TEXT   what has been recognised so far of a turn that you are still speaking
  /say TEXT       speak TEXT word by word (3 words a second), then stop
  /wait SECONDS   be silent for so long; ends what /partial began
  /persona NAME   talk to somebody else
  /help           this
  /quit           leave (also Ctrl-D)"""

SPEECH_RATE = 3.0
"""Words a second of /say, about that of unhurried speech."""


async def chat(settings: Settings, *, user: str, session: str, pace: float | None) -> None:
    """Talks until the input ends. `pace`: words per second of the agent; None: at once.

    Raises `BadInput` for a setting or persona that is wrong.
    """
    services = build_services(settings)
    await services.warm()
    async with open_checkpoints(services) as checkpoints:
        thread = session or uuid.uuid4().hex
        state = await checkpoints.latest(thread) if checkpoints else None
        if state and state.get("user") not in (None, user):
            raise BadInput("session", session, "belongs to another user")
        terminal = Terminal(services)
        running = Session(
            services.graph(),
            lambda now, post: TextVoice(
                now,
                post,
                show=terminal.spoke,
                trouble=lambda: terminal.trouble_line(),
                words_per_second=pace,
            ),
            state=state,
            keeper=checkpoints,
        )
        terminal.attach(running)
        now = time.time()
        running.post(Joined(user=user, session=thread, started=now, resumed=state is not None))
        async with asyncio.TaskGroup() as group:
            group.create_task(running.run())
            try:
                await terminal.read()
            finally:
                running.post(Left(at=running.now()))
    await services.close()


class Terminal:
    """Reads lines into events, and prints what the dialogue does."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._console = Console(highlight=False)
        self._session: Session | None = None
        self._segment = 0
        self._speaking = False
        self._line_open = False
        self._shown = ""
        self._leaning = ""

    def attach(self, session: Session) -> None:
        """Looks on at a session, and feeds it."""
        self._session = session
        session.watch(self._saw)
        session.on_trouble(lambda event, error: self._note(f"{event.type}: {error}", "red"))

    async def read(self) -> None:
        """Reads until the input ends or the user leaves."""
        self._console.print(f"[dim]{self._name()} listens. /help shows what you can do.[/]")
        async for line in _lines(self._prompt):
            command, _, rest = line.strip().partition(" ")
            if command in ("/quit", "/exit"):
                return
            try:
                await self._do(command, rest.strip(), line.strip())
            except CleanS2SError as error:
                self._note(str(error), "red")

    async def _do(self, command: str, rest: str, line: str) -> None:
        match command:
            case "":
                return
            case "/help":
                self._console.print(HELP)
            case "/partial":
                self._hear(rest)
            case "/say":
                await self._speak(rest)
            case "/wait":
                await self._wait(rest)
            case "/persona":
                self._services.personas.get(rest)
                self._post(Configured(at=self._now(), patch={"persona": rest}))
            case _ if command.startswith("/"):
                raise BadInput("command", command, "unknown; /help lists them")
            case _:
                self._leaning = ""
                self._post(TextTyped(at=self._now(), text=line))
        await self._quiet()

    def _hear(self, text: str) -> None:
        if not text:
            raise BadInput("/partial", text, "needs the words recognised so far")
        if not self._speaking:
            self._segment += 1
            self._speaking = True
            self._post(SpeechStarted(at=self._now(), segment=self._segment))
        self._shown = text
        self._post(Partial(at=self._now(), segment=self._segment, text=text))

    async def _speak(self, text: str) -> None:
        heard = ""
        for word in text.split():
            heard = f"{heard} {word}".strip()
            self._hear(heard)
            await asyncio.sleep(1 / SPEECH_RATE)
        await self._wait("2")

    async def _wait(self, seconds: str) -> None:
        try:
            duration = float(seconds)
        except ValueError:
            raise BadInput("/wait", seconds, "needs a number of seconds") from None
        if not 0 <= duration <= 3600:
            raise BadInput("/wait", seconds, "should be between 0 and 3600 seconds")
        if self._speaking:
            self._speaking = False
            final = Partial(at=self._now(), segment=self._segment, text=self._shown, final=True)
            self._post(final)
            self._post(SpeechStopped(at=self._now(), segment=self._segment))
        await asyncio.sleep(duration)

    async def _quiet(self) -> None:
        """Waits until the agent has said what it has to say, if it is to answer at once."""
        session = self._running
        await session.settled()
        while not self._speaking and _agent_speaks(session.state):
            await asyncio.sleep(0.02)
            await session.settled()

    def _saw(self, step: Step) -> None:
        judgement = step.after.get("judgement")
        if judgement:
            self._judged(judgement)
        if step.event.type == "utterance_ended":
            self._end_line()
            if step.event.reason in ("cut", "failed"):
                self._note(f"{step.event.reason}; heard: {step.event.heard!r}", "yellow")
        restriction = step.after.get("restriction")
        if restriction and restriction != step.before.get("restriction"):
            until = time.strftime("%H:%M:%S", time.localtime(restriction["until"]))
            self._note(f"the chat is closed until {until}: {restriction['reason']}", "yellow")

    def _judged(self, judgement: dict[str, Any]) -> None:
        """One line for every change of mind, with the newest words."""
        leaning = judgement["action"].replace("_", " ")
        if judgement["hold"]:
            leaning = f"get ready to {leaning}"
        line = f"{leaning}: {judgement['reason']}"
        if line != self._leaning:
            self._leaning = line
            words = judgement["text"]
            tail = f'  "…{words[-40:]}"' if len(words) > 40 else f'  "{words}"'
            self._note(f"{line} ({judgement['confidence']:.2f}){tail if words else ''}")

    def spoke(self, utterance: Utterance, text: str) -> None:
        """Prints what the agent says, as it says it."""
        if not self._line_open:
            self._line_open = True
            self._console.print(f"[bold]{escape(self._name())}:[/] ", end="")
        self._console.print(escape(text), end="", soft_wrap=True)

    def trouble_line(self) -> str:
        """What the persona says when something failed."""
        state = self._running.state
        persona = self._services.personas.get(self._persona())
        return persona.trouble_line(state.get("messages", []), str(len(state.get("messages", []))))

    def _note(self, text: str, style: str = "dim") -> None:
        self._end_line()
        self._console.print(f"[{style}]  {escape(text)}[/]", soft_wrap=True)

    def _end_line(self) -> None:
        if self._line_open:
            self._line_open = False
            self._console.print()

    @property
    def _running(self) -> Session:
        assert self._session is not None, "attach() comes first"
        return self._session

    def _post(self, event: Event) -> None:
        self._running.post(event)

    def _now(self) -> float:
        return self._running.now()

    def _persona(self) -> str:
        return (
            str(self._running.state.get("config", {}).get("persona", "")) if self._session else ""
        )

    def _name(self) -> str:
        return self._services.personas.get(self._persona()).name

    def _prompt(self) -> None:
        if sys.stdin.isatty():
            self._console.print("[bold]you:[/] ", end="")


def _agent_speaks(state: DialogueState) -> bool:
    utterance = state.get("utterance")
    return bool(utterance and utterance["status"] in ("speaking", "paused"))


async def _lines(prompt: Callable[[], None]) -> AsyncIterator[str]:
    while True:
        prompt()
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            return
        yield line
