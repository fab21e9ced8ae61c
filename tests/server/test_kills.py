"""Killed at random moments and resumed: no closed turn lost, floor open, facts written once.

`CLEANS2S_KILLS` sets how often (default 50), `CLEANS2S_SEED` the moments.
"""

import json
import multiprocessing
import os
import random
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from graph.state import Message
from nodes.history import HARD_LIMIT_TURNS
from tests.server.killed import SESSION, live

KILLS = int(os.environ.get("CLEANS2S_KILLS", "50"))


@dataclass(frozen=True)
class Moment:
    """So many reports after it came back (None: before it is back), then so many seconds."""

    reports: int | None
    seconds: float


@dataclass
class Witness:
    """What was seen before the kills, to hold the next life against."""

    closed: dict[str, str] = field(default_factory=dict)
    """All turns of the user by id, as they were first seen closed."""
    heard: dict[str, str] = field(default_factory=dict)
    lives: int = 0
    coming_back: list[float] = field(default_factory=list)

    def hears(self, report: tuple[str, dict[str, Any]]) -> None:
        what, state = report
        if what == "back":
            self.came_back(state)
        else:
            self.saw(state["messages"])

    def came_back(self, state: dict[str, Any]) -> None:
        messages: list[Message] = state["messages"]
        assert state["floor"] == "open"
        assert (state["utterance"] or {}).get("status") in (None, "ended")
        ids = [message["id"] for message in messages]
        assert len(ids) == len(set(ids))
        self._holds(messages)
        self.lives += 1

    def saw(self, messages: list[Message]) -> None:
        self._holds(messages)
        for message in messages:
            seen = self.closed if message["role"] == "user" else self.heard
            seen[message["id"]] = message["content"]

    def _holds(self, messages: list[Message]) -> None:
        """Every turn that is known is there with its words, but for those long summarised."""
        there = {m["id"]: m["content"] for m in messages}
        first = min((int(id[1:]) for id in there if id.startswith("t")), default=1)
        for turn, text in self.closed.items():
            if int(turn[1:]) >= first:
                assert there.get(turn) == text, f"{turn} was lost or overwritten"
        for utterance, text in self.heard.items():
            if utterance in there:
                assert there[utterance] == text
        if self.heard and there:
            newest = max(self.heard, key=lambda id: int(id[1:]))
            assert newest in there, "what the agent was last heard to say is lost"
        assert first == 1 or len([id for id in there if id.startswith("t")]) >= 30


def kill_one(folder: Path, life: int, witness: Witness, moment: Moment) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.server.warm"])
    inlet, outlet = context.Pipe(duplex=False)
    begun = time.monotonic()
    process = context.Process(target=live, args=(folder, life, outlet))
    process.start()
    outlet.close()
    try:
        for number in range(0 if moment.reports is None else 1 + moment.reports):
            witness.hears(json.loads(inlet.recv_bytes()))
            if number == 0:
                witness.coming_back.append(time.monotonic() - begun)
        time.sleep(moment.seconds)
    finally:
        process.kill()
        process.join()
    for report in said(inlet):
        witness.hears(report)
    inlet.close()


def said(inlet: Connection) -> list[tuple[str, dict[str, Any]]]:
    """What is left in the pipe of a process that is gone; a message cut off counts for nothing."""
    found = []
    try:
        while True:
            found.append(json.loads(inlet.recv_bytes()))
    except (EOFError, OSError):
        return found


@pytest.mark.timeout(max(120, 2 * KILLS))
def test_a_session_killed_at_random_moments_loses_no_closed_turn(tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("CLEANS2S_SEED", "7")))
    witness = Witness()
    for life in range(KILLS):
        reports = None if life % 10 == 9 else chance.randint(0, 6)
        seconds = chance.uniform(0, 0.1 if reports is None else 0.02)
        kill_one(tmp_path, life, witness, Moment(reports, seconds))
    assert witness.lives >= KILLS * 0.9
    assert len(witness.closed) >= KILLS
    kill_one(tmp_path, KILLS, witness, Moment(2, 0.5))  # time to write what is missing
    assert_remembered_once(tmp_path / "memory", witness)
    print(
        f"{KILLS} kills, {len(witness.closed)} turns closed, back within"
        f" {1000 * sorted(witness.coming_back)[len(witness.coming_back) // 2]:.0f} ms"
    )


def assert_remembered_once(folder: Path, witness: Witness) -> None:
    """Of the turns that must have been written by now, each is there once, with its words."""
    with sqlite3.connect(folder / "journal.sqlite") as file:
        kept = file.execute("SELECT turn, said FROM turns").fetchall()
    with sqlite3.connect(folder / "facts.sqlite") as file:
        facts = file.execute("SELECT turn, text FROM facts").fetchall()
    times = Counter(turn for turn, _ in kept)
    assert set(times.values()) == {1}
    said = {turn.removeprefix(f"{SESSION}/"): text for turn, text in kept}
    for turn, text in said.items():
        assert witness.closed.get(turn, text) == text, "another turn was written under this id"
    numbers = sorted(int(turn[1:]) for turn in witness.closed)
    due = [f"t{n}" for n in numbers if n <= numbers[-1] - HARD_LIMIT_TURNS / 4]
    assert [turn for turn in due if turn not in said] == [], "closed turns were never remembered"
    fact_texts = Counter(facts)
    assert set(fact_texts.values()) == {1}, "a fact was written twice"
