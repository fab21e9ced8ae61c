"""Sessions that join, talk and vanish at random moments leave nothing behind."""

import asyncio
import gc
import logging
import random
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from audio_io.asr.client import ClientEngine
from audio_io.clips import Clips
from audio_io.ear import Ear
from audio_io.pcm import read_audio
from audio_io.tts.tone import ToneEngine
from server.hub import Engines
from server.live import Live
from server.session import Session
from tests.server.serving import HELLO, Client, Served, client, services_in, serving, speech, until

CLIENTS = 100
AT_ONCE = 20
SEED = 4


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_hundred_clients_that_talk_and_vanish_leave_nothing(tmp_path, caplog):
    samples, rate = read_audio(speech("pocketsphinx/cards/005.wav"))
    sound = samples.tobytes()
    dice = random.Random(SEED)
    engines = Engines(asr=ClientEngine(), clips=Clips(ToneEngine()))
    others = _alive()  # of tests before this one
    async with serving(services_in(tmp_path), engines) as served:
        await _visit(served, random.Random(0), sound, rate)
        await _empty(served)
        tasks, files = len(asyncio.all_tasks()), open_files()
        gate = asyncio.Semaphore(AT_ONCE)

        async def come_and_go(seed: int) -> None:
            async with gate:
                await _visit(served, random.Random(seed), sound, rate)

        async with asyncio.TaskGroup() as visitors:
            for _ in range(CLIENTS):
                visitors.create_task(come_and_go(dice.randrange(1 << 30)))
        await _empty(served)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        await until(lambda: open_files() <= files)
        assert not [one for one in _alive() if one not in others]
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
        async with client(served, HELLO) as one:
            await one.next("welcome")
            await one.send("text", text="hello there")
            assert (await one.next("utterance_end"))["heard"]


def _alive() -> list[object]:
    """What a session is made of, in the whole process."""
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, (Live, Session, Ear))]


async def _visit(served: Served, dice: random.Random, sound: bytes, rate: int) -> None:
    """One client: some of everything, then gone, in peace or without a word."""
    hello = {"type": "hello", "version": 1, "rate": rate, "audio": dice.random() < 0.8}
    async with client(served, hello if dice.random() < 0.95 else None) as one:
        listening = asyncio.create_task(one.closed(seconds=60.0))
        try:
            for _ in range(dice.randrange(8)):
                await _act(one, dice, sound)
            if dice.random() < 0.3:
                await one.send("bye")
                await listening
            elif dice.random() < 0.7:
                one.socket.transport.abort()
        except ConnectionClosed:
            pass
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _act(one: Client, dice: random.Random, sound: bytes) -> None:
    match dice.choice(["talk", "type", "stop", "persona", "nonsense", "wait"]):
        case "talk":
            start = dice.randrange(len(sound) // 4) * 2
            for at in range(start, min(start + dice.randrange(30_000), len(sound)), 1280):
                await one.sound(sound[at : at + 1280])
                await asyncio.sleep(0.002)
        case "type":
            await one.send(
                "text", text=dice.choice(["hello there", "you idiot", "tell me a story"])
            )
        case "stop":
            await one.send("stop")
        case "persona":
            await one.send("configure", persona=dice.choice(["ada", "max", "nobody"]))
        case "nonsense":
            await one.send("nonsense")
        case "wait":
            await asyncio.sleep(dice.random() * 0.3)


async def _empty(served: Served) -> None:
    await until(lambda: not served.hub.sessions and not served.hub.connections, 60.0)
    await until(lambda: not served.server.server_state.connections, 60.0)
