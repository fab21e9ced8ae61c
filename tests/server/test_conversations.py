"""Whole conversations on a clock that jumps: the real graph, judge, personas and text voice."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from evals.virtual_time import run_virtual
from graph.errors import Unavailable
from graph.events import Cancelled, Configured, ToolReturned
from tests.server.stage import ANSWER, Piece, Scene, Written

TOOLS = [{"name": "weather", "description": "The weather.", "parameters": {"type": "object"}}]


def play(scene_of: Callable[[], Scene], script: Callable[[Scene], Awaitable[None]]) -> Scene:
    """Runs a script against a session; a scene is made inside the loop that it lives on."""

    async def run() -> Scene:
        scene = scene_of()
        async with scene.played():
            await script(scene)
        return scene

    return run_virtual(run())


def test_user_stops_talking_and_gets_an_answer_after_a_short_pause() -> None:
    async def script(scene: Scene) -> None:
        stopped = await scene.say("i have a new dog at home.")
        await asyncio.sleep(6)
        (started,) = scene.starts()
        assert 0.199 <= started - stopped <= 0.5

    scene = play(Scene, script)
    assert scene.history == [("user", "i have a new dog at home."), ("assistant", ANSWER)]
    assert scene.state["floor"] == "open"


def test_a_turn_that_sounds_unfinished_is_waited_for_and_goes_on_as_one_turn() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("i wanted to tell you about my")
        await asyncio.sleep(1.2)
        assert not scene.starts()
        await scene.say("new dog bruno.")
        await asyncio.sleep(6)

    scene = play(Scene, script)
    assert scene.history[0] == ("user", "i wanted to tell you about my new dog bruno.")
    assert len(scene.starts()) == 1


def test_silence_after_an_unfinished_turn_is_answered_in_the_end() -> None:
    async def script(scene: Scene) -> None:
        stopped = await scene.say("i wanted to tell you about my")
        await asyncio.sleep(3)
        (started,) = scene.starts()
        assert started - stopped == pytest.approx(2.0, abs=0.05)

    play(Scene, script)


def test_user_takes_the_floor_and_the_history_holds_what_was_heard() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("tell me something about the moon.")
        await asyncio.sleep(1.4)
        await scene.say("no i meant the sun.")
        await asyncio.sleep(8)

    scene = play(Scene, script)
    first = scene.ends()[0]
    assert first.reason == "cut"
    heard = first.heard.split()
    assert heard == ANSWER.split()[: len(heard)]
    assert 3 <= len(heard) <= 6
    assert scene.history == [
        ("user", "tell me something about the moon."),
        ("assistant", first.heard),
        ("user", "no i meant the sun."),
        ("assistant", ANSWER),
    ]


def test_words_after_the_user_took_the_floor_are_never_put_out() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("tell me something about the moon.")
        await asyncio.sleep(1.4)
        await scene.talk("no i meant something else entirely so listen to me now")
        cut = scene.ends()[0].at
        assert [at for at, _ in scene.shown if at > cut] == []

    play(Scene, script)


def test_user_says_mhm_while_the_agent_speaks_and_it_goes_on_to_the_end() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("tell me something about the moon.")
        await asyncio.sleep(1.4)
        await scene.say("mhm")
        await asyncio.sleep(6)

    scene = play(Scene, script)
    assert [(end.reason, end.heard) for end in scene.ends()] == [("finished", ANSWER)]
    assert ("assistant", ANSWER) in scene.history
    assert scene.session.pending_timers == frozenset()


def test_a_cough_pauses_the_agent_for_eight_tenths_of_a_second() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("tell me something about the moon.")
        await asyncio.sleep(1.4)
        onset = scene.now
        await scene.cough(0.2)
        await asyncio.sleep(6)
        after = [at for at, _ in scene.shown if at > onset]
        assert after[0] - onset == pytest.approx(0.8, abs=0.01)

    scene = play(Scene, script)
    assert [(end.reason, end.heard) for end in scene.ends()] == [("finished", ANSWER)]
    assert len(scene.history) == 2, "a sound without words is no turn"


def test_user_says_wait_and_the_agent_stops_and_stays_quiet() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("tell me something about the moon.")
        await asyncio.sleep(1.4)
        await scene.say("wait")
        await asyncio.sleep(10)

    scene = play(Scene, script)
    assert [end.reason for end in scene.ends()] == ["cut"]
    assert len(scene.starts()) == 1


RANT = "you are such a useless and stupid piece of junk and you will never understand me"


def provoked(name: str, words: str) -> Scene:
    async def run() -> Scene:
        scene = Scene()
        async with scene.played():
            scene.post(Configured(patch={"persona": name}))
            await scene.talk(words)
            await asyncio.sleep(1)
        return scene

    return run_virtual(run())


def test_an_eager_persona_cuts_in_on_an_insult_and_gives_way_after_a_second_and_a_half() -> None:
    scene = provoked("max", RANT)
    assert "interrupt" in scene.actions()
    cut_in, gave_way = scene.starts()[0], scene.ends()[0]
    assert cut_in < 3.0, "while the user was talking"
    assert gave_way.reason == "cut"
    assert gave_way.at - cut_in == pytest.approx(1.5, abs=0.02)
    assert "yield_floor" in scene.actions()
    assert gave_way.heard, "the opening was heard"
    assert scene.history[1] == ("assistant", gave_way.heard)


def test_no_word_of_an_interrupted_turn_is_lost_or_said_twice() -> None:
    scene = provoked("max", RANT)
    assert " ".join(text for role, text in scene.history if role == "user") == RANT


def test_a_patient_persona_lets_the_same_insult_come_to_its_end() -> None:
    scene = provoked("ada", RANT)
    assert "interrupt" not in scene.actions()


def test_an_interrupted_user_who_falls_silent_is_told_the_rest() -> None:
    async def script(scene: Scene) -> None:
        scene.post(Configured(patch={"persona": "max"}))
        await scene.say("you are such a useless piece of junk")
        await asyncio.sleep(12)

    end = play(Scene, script).ends()[0]
    assert end.reason == "finished"
    assert end.heard.endswith(ANSWER)


def test_what_is_typed_while_the_agent_speaks_takes_the_floor_at_once() -> None:
    async def script(scene: Scene) -> None:
        await scene.say("tell me something about the moon.")
        await asyncio.sleep(1.4)
        scene.type("What about the sun?")
        typed = scene.now
        await asyncio.sleep(8)
        assert scene.ends()[0].at == typed
        assert scene.starts()[1] == typed

    scene = play(Scene, script)
    cut, second = scene.ends()
    assert (cut.reason, second.heard) == ("cut", ANSWER)
    assert ("user", "What about the sun?") in scene.history


def test_a_typed_turn_is_answered_in_the_same_instant() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(3)
        scene.type("Hello there, I have a question.")
        await scene.session.settled()
        await asyncio.sleep(8)
        assert scene.starts() == [3.0]

    play(Scene, script)


def slow(seconds: float) -> Written:
    return Written(("", seconds, ANSWER))


def test_an_answer_prepared_during_the_pause_is_heard_the_instant_the_turn_is_over() -> None:
    async def script(scene: Scene) -> None:
        stopped = await scene.say("no i meant something")
        await asyncio.sleep(8)
        assert any("I get ready" in line for line in scene.log)
        (started,) = scene.starts()
        decided = next(s.event.at for s in scene.steps if s.after["floor"] == "agent")
        assert started == decided, "composing took 0.1 s of the pause, none of the answer"
        assert started - stopped < 1.2

    play(lambda: Scene(slow(0.1)), script)


def test_a_prepared_answer_is_dropped_unheard_when_the_user_goes_on() -> None:
    composer = slow(0.2)

    async def script(scene: Scene) -> None:
        await scene.say("no i meant something")
        await asyncio.sleep(0.1)
        assert len(composer.asked) == 1
        assert not scene.starts()
        await scene.say("quite different from what you think it is.")
        await asyncio.sleep(8)

    scene = play(lambda: Scene(composer), script)
    assert len(scene.starts()) == 1
    assert scene.history[0][1] == "no i meant something quite different from what you think it is."
    assert composer.closed == len(composer.asked), "every stream that was begun was closed"


def test_composing_fails_before_a_word_and_the_persona_says_so() -> None:
    async def script(scene: Scene) -> None:
        scene.type("Hello there, I have a question.")
        await asyncio.sleep(3)
        assert scene.state["floor"] == "open"
        scene.type("Are you there again?")
        await asyncio.sleep(8)

    composer = Written((Unavailable("the model does not answer"),), (ANSWER,))
    scene = play(lambda: Scene(composer, trouble="Sorry, I lost my thread."), script)
    failed, second = scene.ends()
    assert (failed.reason, failed.heard) == ("failed", "Sorry, I lost my thread.")
    assert second.heard == ANSWER
    assert scene.history[1] == ("assistant", "Sorry, I lost my thread.")


def test_composing_fails_in_mid_sentence_and_what_was_said_stands() -> None:
    async def script(scene: Scene) -> None:
        scene.type("Hello there, I have a question.")
        await asyncio.sleep(3)

    composer = Written(("The answer is ", Unavailable("the stream broke")))
    scene = play(lambda: Scene(composer, trouble="Sorry."), script)
    assert [(e.reason, e.heard) for e in scene.ends()] == [("failed", "The answer is")]
    assert scene.state["floor"] == "open"
    assert "Sorry" not in scene.said


def test_a_bug_in_the_composer_ends_the_utterance_not_the_session() -> None:
    async def script(scene: Scene) -> None:
        scene.type("Hello there, I have a question.")
        await asyncio.sleep(3)
        scene.type("Are you there again?")
        await asyncio.sleep(8)

    composer = Written((ZeroDivisionError("a bug"),), (ANSWER,))
    scene = play(lambda: Scene(composer, trouble="Sorry."), script)
    assert [e.reason for e in scene.ends()] == ["failed", "finished"]
    assert scene.state["floor"] == "open"


def test_the_user_talks_over_the_line_for_trouble() -> None:
    async def script(scene: Scene) -> None:
        scene.type("Hello there, I have a question.")
        await asyncio.sleep(0.7)
        await scene.say("no i meant the sun.")
        await asyncio.sleep(8)

    composer = Written((Unavailable("no"),), (ANSWER,))
    scene = play(lambda: Scene(composer, trouble="Sorry I lost my thread just now."), script)
    assert scene.ends()[0].heard.startswith("Sorry I")
    assert scene.history[1][1] == scene.ends()[0].heard


def call(name: str = "weather") -> Piece:
    return {"id": "c1", "name": name, "arguments": "{}"}


def test_a_tool_is_called_and_its_answer_is_told() -> None:
    composer = Written(("Let me look. ", call()), ("It rains.",))

    async def script(scene: Scene) -> None:
        scene.post(Configured(patch={"tools": TOOLS}))
        scene.type("How is the weather?")
        await asyncio.sleep(3)
        assert scene.state["floor"] == "open"
        scene.post(ToolReturned(at=scene.now, call="c1", output='{"rain": true}'))
        await asyncio.sleep(3)

    scene = play(lambda: Scene(composer), script)
    assert [end.reason for end in scene.ends()] == ["tool", "finished"]
    assert scene.history == [
        ("user", "How is the weather?"),
        ("assistant", "Let me look."),
        ("tool", '{"rain": true}'),
        ("assistant", "It rains."),
    ]


def test_a_tool_answers_while_the_user_talks_and_the_user_is_let_finish() -> None:
    composer = Written((call(),), ("It rains.",))

    async def script(scene: Scene) -> None:
        scene.post(Configured(patch={"tools": TOOLS}))
        scene.type("How is the weather?")
        await asyncio.sleep(1)
        segment = await scene.talk("and by the way")
        scene.post(ToolReturned(at=scene.now, call="c1", output="rain"))
        words = "and by the way i need to know it soon."
        await scene.talk(words, segment=segment)
        started = list(scene.starts())
        await scene.fall_silent(segment, words)
        await asyncio.sleep(4)
        assert not started, "nothing sounded while the user talked"

    scene = play(lambda: Scene(composer), script)
    assert scene.history[-1] == ("assistant", "It rains.")


def test_the_client_cancels_and_the_agent_stops() -> None:
    async def script(scene: Scene) -> None:
        scene.type("Tell me something about the moon.")
        await asyncio.sleep(1.5)
        scene.post(Cancelled(at=scene.now))
        await asyncio.sleep(3)

    scene = play(Scene, script)
    (end,) = scene.ends()
    assert (end.reason, end.heard) == ("cut", "One two three four")
    assert scene.state["floor"] in ("open", "user")


def test_user_leaves_while_the_agent_speaks_and_what_was_heard_is_kept() -> None:
    async def script(scene: Scene) -> None:
        scene.type("Tell me something about the moon.")
        await asyncio.sleep(1.5)

    scene = play(Scene, script)
    assert scene.history[1] == ("assistant", "One two three four")
    assert scene.state["floor"] == "open"
    assert scene.state["utterance"]
    assert scene.state["utterance"]["status"] == "ended"


def test_user_leaves_in_mid_sentence_and_the_words_are_kept() -> None:
    async def script(scene: Scene) -> None:
        await scene.talk("i was going to tell you that")

    scene = play(Scene, script)
    assert scene.history == [("user", "i was going to tell you that")]
    assert scene.state["floor"] == "open"


def test_a_paused_voice_always_has_a_wake_up_pending() -> None:
    async def script(scene: Scene) -> None:
        def paused_without_wake() -> bool:
            utterance = scene.state["utterance"]
            return bool(
                utterance
                and utterance["status"] == "paused"
                and "resume" not in scene.session.pending_timers
            )

        bad: list[str] = []
        scene.session.watch(
            lambda step: bad.append(step.event.type) if paused_without_wake() else None
        )
        await scene.say("tell me something about the moon.")
        for words in ("mhm", "", "right", "", "yeah mhm"):
            await asyncio.sleep(0.9)
            if words:
                await scene.say(words)
            else:
                await scene.cough(0.3)
        await asyncio.sleep(8)
        assert bad == []
        assert scene.ends()[0].reason == "finished"

    play(Scene, script)


def a_long_conversation() -> Scene:
    async def script(scene: Scene) -> None:
        await scene.say("i wanted to tell you about my")
        await asyncio.sleep(0.5)
        await scene.say("new dog bruno.")
        await asyncio.sleep(1)
        await scene.say("mhm")
        await asyncio.sleep(0.5)
        await scene.say("no wait i meant something")
        await asyncio.sleep(2)
        scene.type("Forget it.")
        await asyncio.sleep(1)
        await scene.cough(0.3)
        await asyncio.sleep(9)

    return play(Scene, script)


def test_the_same_conversation_gives_the_same_log_twice() -> None:
    first, second = a_long_conversation(), a_long_conversation()
    assert len(first.log) > 30
    assert first.log == second.log
    assert first.shown == second.shown
    assert first.state["messages"] == second.state["messages"]
