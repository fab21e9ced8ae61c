"""The decoders of `pocketsphinx`: processes, started when needed, lent for one segment."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from audio_io.asr import sphinx_process
from audio_io.asr.sphinx_process import HEADER, LENGTH
from graph.errors import Unavailable


class SphinxProcess:
    """One decoder. Its methods block; they raise `Unavailable` once the process is gone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, kind: bytes, payload: bytes = b"") -> str:
        """Sends a request of `sphinx_process` and waits for its answer; starts it at first."""
        if self._process is None:
            self._process = _spawn()
            self._answer(self._process)
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(HEADER.pack(kind, len(payload)) + payload)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise Unavailable(f"the pocketsphinx process is gone: {error}") from error
        return self._answer(self._process)

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what was still to be sent

    def _answer(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        head = process.stdout.read(LENGTH.size)
        if len(head) < LENGTH.size:
            raise Unavailable("the pocketsphinx process has died")
        return process.stdout.read(LENGTH.unpack(head)[0]).decode()


def _spawn() -> "subprocess.Popen[bytes]":
    # -P: the modules beside the script must not hide those of the same name (openai, pocketsphinx).
    # A process group of its own: Ctrl-C ends us, and the child by its stdin.
    return subprocess.Popen(
        [sys.executable, "-P", str(Path(sphinx_process.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    )


class SphinxPool:
    """At most `size` decoders (0: one a core), and as many threads that wait for them.

    Used from the event loop; the first decoder is started here, which takes half a second.
    """

    def __init__(self, size: int) -> None:
        self.size = size or os.cpu_count() or 1
        self.executor = ThreadPoolExecutor(self.size, thread_name_prefix="pocketsphinx")
        first = SphinxProcess()
        first.ask(b"S")
        self._idle = [first]
        self._all = {first}
        self._waiting: deque[Callable[[], None]] = deque()

    def borrow(self, when_free: Callable[[], None]) -> SphinxProcess | None:
        """A decoder; None while all are lent: `when_free` is called when to ask again."""
        if self._idle:
            return self._idle.pop()
        if len(self._all) < self.size:
            process = SphinxProcess()
            self._all.add(process)
            return process
        if when_free not in self._waiting:
            self._waiting.append(when_free)
        return None

    def give_back(self, process: SphinxProcess, healthy: bool = True) -> None:
        """Ends a loan. One that is not healthy is ended, too; another is started when needed."""
        if healthy:
            self._idle.append(process)
        else:
            process.kill()
            self._all.discard(process)
        while self._waiting and (self._idle or len(self._all) < self.size):
            self._waiting.popleft()()

    def close(self) -> None:
        """Ends all decoders."""
        self._waiting.clear()
        for process in self._all:
            process.kill()
        self.executor.shutdown(wait=True, cancel_futures=True)
