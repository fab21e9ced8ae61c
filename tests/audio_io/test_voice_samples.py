"""Whatever is asked of the voice, in any order and at any moment: every sample is accounted for."""

import asyncio
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from audio_io.playback import SHORT_PAUSE
from audio_io.sentences import Sentences
from audio_io.tts.protocol import RATE
from evals.virtual_time import run_virtual
from tests.audio_io.voice_rig import MS, Expected, Stage, expected, on_stage, saying, utterance

LINES = [
    "Oh. Well, the train leaves at noon, and it goes by the river. You will like it there.",
    "你好，我是助手。今天天气不错！",
    "Yes.",
    "no full stop here and none there just words that go on and on until they do not " * 3,
]


@dataclass(frozen=True)
class Step:
    wait: float
    what: str
    line: int = 0


STEPS = st.lists(
    st.builds(
        Step,
        wait=st.one_of(st.just(0.0), st.floats(0, 0.3), st.floats(0.3, 1.5)),
        what=st.sampled_from(
            ["pause", "resume", "pause", "resume", "hush", "say", "hold", "let go", "report"]
        ),
        line=st.integers(0, len(LINES) - 1),
    ),
    max_size=25,
)


class Conductor:
    """Carries out the steps and keeps what should hold of them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.count = 0
        self.lines: dict[str, str] = {}
        self.held: str | None = None
        self.paused_at: float | None = None
        self.pauses: list[tuple[int, float]] = []
        """Position and length of every pause that was ended by a resume."""

    async def carry_out(self, step: Step) -> None:
        await asyncio.sleep(step.wait)
        voice, player, now = self.stage.voice, self.stage.player, asyncio.get_running_loop().time()
        number = max(player.tracks, default=0)
        live = number and not player.tracks[number].ended
        if step.what == "pause":
            voice.pause()
            if live and self.paused_at is None:
                self.paused_at = now
        elif step.what == "resume":
            if live and self.paused_at is not None:
                self.pauses.append((player.position(number), now - self.paused_at))
                self.paused_at = None
            voice.resume()
        elif step.what == "hush":
            self.paused_at = self.held = None
            voice.hush()
        elif step.what in ("say", "hold"):
            self.say(step)
        elif step.what == "let go" and self.held:
            self.paused_at = None
            voice.say(utterance(self.held), saying("not this"))
            self.held = None
        elif step.what == "report" and live:
            voice.played(number, player.position(number) // MS)

    def say(self, step: Step) -> None:
        self.count += 1
        self.paused_at = None
        name = f"u{self.count}"
        status = "held" if step.what == "hold" else "speaking"
        self.held = name if status == "held" else None
        self.lines[name] = LINES[step.line]
        pieces = [word + " " for word in LINES[step.line].split(" ")]
        self.stage.voice.say(utterance(name, status), saying(*pieces))


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_no_sample_is_lost_or_doubled_whatever_is_asked(steps: list[Step]):
    async def scene():
        async with on_stage() as stage:
            conductor = Conductor(stage)
            conductor.say(Step(0, "say"))
            for step in steps:
                await conductor.carry_out(step)
            await conductor.carry_out(Step(0, "resume"))
            await asyncio.sleep(120)
            return stage, conductor

    stage, conductor = run_virtual(scene())
    wanted = {name: expected_of(line) for name, line in conductor.lines.items()}
    check_ends(stage)
    resumes = list(zip(stage.player.resumes, conductor.pauses, strict=True))
    for number, name in enumerate(stage.player.utterances, 1):
        check_track(stage, number, wanted[name])
        of_this = [pair for pair in resumes if pair[0][0] == number]
        check_resumes(stage, number, wanted[name], of_this)


@cache
def expected_of(line: str) -> Expected:
    sentences = Sentences()
    pieces = [out for word in line.split(" ") for out in sentences.feed(word + " ")]
    return run_virtual(expected([*pieces, *sentences.flush()]))


def check_ends(stage: Stage) -> None:
    player = stage.player
    assert [number for number, _, _ in player.ends] == sorted(player.tracks)
    assert [(end.heard, end.reason) for end in stage.ends()] == [end[1:] for end in player.ends]
    assert [end.utterance for end in stage.ends()] == player.utterances


def check_track(stage: Stage, number: int, wanted: Expected) -> None:
    """What was sent is the engine's audio, what was heard is what was played."""
    track = stage.player.tracks[number]
    _, heard, reason = stage.player.ends[number - 1]
    assert wanted.pcm.startswith(bytes(track.pcm))
    assert track.lead <= 0.2 * RATE
    assert track.starved == 0
    position = max((end for _, end in track.spans), default=0)
    if reason == "finished":
        assert bytes(track.pcm) == wanted.pcm
        assert position == len(wanted.pcm) // 2
        assert heard == wanted.words[-1][2]
    else:
        around = {wanted.heard_at(track.origin + off) for off in (-2 * MS, -1, 0, 1, 2 * MS)}
        assert heard in around


def check_resumes(
    stage: Stage,
    number: int,
    wanted: Expected,
    resumes: list[tuple[tuple[int, int], tuple[int, float]]],
) -> None:
    """Playback goes back only to the start of a word, and only after a long pause."""
    track = stage.player.tracks[number]
    backs = [(left, right) for (_, left), (right, _) in pairwise(track.spans)]
    assert all(right < left for left, right in backs)
    starts = {start // MS for start in wanted.starts()}
    allowed = []
    for (_, from_ms), (position, seconds) in resumes:
        assert from_ms <= position // MS + 1
        if seconds < SHORT_PAUSE:
            assert abs(from_ms - position / MS) < 2
        elif from_ms < position // MS - 1:
            assert from_ms in starts
            allowed.append(from_ms)
    for left, right in backs:
        assert right // MS in allowed
        assert left - right < RATE
