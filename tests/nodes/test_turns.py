"""Which turn a segment's words belong to: the pure rules, without graph or clock."""

from dataclasses import replace

from graph.events import Event, Joined, Partial, SpeechStarted, SpeechStopped, TextTyped
from graph.state import Dialogue, Turn, Utterance
from nodes.fold import fold
from nodes.turns import close_turn


def after(dialogue: Dialogue, *events: Event) -> Dialogue:
    for event in events:
        dialogue = fold(dialogue, event)
    return dialogue


def open_turn(dialogue: Dialogue) -> Turn:
    assert dialogue.open_turn
    return dialogue.open_turn


def closed(*events: Event, answer: str = "", sounded: bool = False) -> Dialogue:
    """The dialogue after these events, its turn closed, with an answer on its way if named."""
    dialogue = close_turn(after(Dialogue(), *events), 1.0)
    assert dialogue.turn
    if not answer:
        return dialogue
    utterance = Utterance(id=answer, behaviour="reply", turn=dialogue.turn.id, sounded=sounded)
    return replace(dialogue, utterance=utterance, floor="agent")


def said(dialogue: Dialogue) -> list[str]:
    return [message["content"] for message in dialogue.messages]


def test_the_first_words_open_a_turn_and_take_the_floor() -> None:
    dialogue = after(Dialogue(), Partial(at=2.0, segment=1, text="hello"))
    assert open_turn(dialogue).text == "hello"
    assert open_turn(dialogue).opened_at == 2.0
    assert dialogue.floor == "user"


def test_a_voice_opens_a_turn_before_there_are_words() -> None:
    dialogue = after(Dialogue(), SpeechStarted(at=2.0, segment=1))
    assert open_turn(dialogue).text == ""
    assert open_turn(dialogue).awaits_final
    assert dialogue.floor == "user"


def test_a_cough_gives_the_floor_back() -> None:
    dialogue = after(
        Dialogue(),
        SpeechStarted(at=2.0, segment=1),
        Partial(at=2.3, segment=1, text="", final=True),
        SpeechStopped(at=2.2, segment=1),
    )
    assert dialogue.floor == "open"
    assert dialogue.messages == []


def test_a_sign_that_a_recogniser_makes_of_a_noise_is_no_word() -> None:
    dialogue = after(Dialogue(), Partial(at=2.3, segment=1, text=" ...", final=True))
    assert open_turn(dialogue).text == ""
    assert dialogue.floor == "open"


def test_a_turn_that_follows_a_cough_is_timed_from_its_own_voice() -> None:
    dialogue = after(
        Dialogue(),
        SpeechStarted(at=2.0, segment=1),
        SpeechStopped(at=2.2, segment=1),
        SpeechStarted(at=60.0, segment=2),
        Partial(at=60.4, segment=2, text="well"),
    )
    assert open_turn(dialogue).opened_at == 60.0


def test_segments_of_one_turn_are_joined() -> None:
    dialogue = after(
        Dialogue(),
        Partial(segment=1, text="I went", final=True),
        SpeechStarted(at=1.0, segment=2),
        Partial(at=1.2, segment=2, text="home"),
    )
    assert open_turn(dialogue).text == "I went home"


def test_a_partial_replaces_the_words_of_its_segment() -> None:
    dialogue = after(
        Dialogue(), Partial(segment=1, text="I want"), Partial(segment=1, text="I went home")
    )
    assert open_turn(dialogue).text == "I went home"


def test_typed_words_stand_behind_spoken_ones() -> None:
    dialogue = after(
        Dialogue(), Partial(segment=1, text="look at"), TextTyped(at=1.0, text="www.example.com")
    )
    assert open_turn(dialogue).text == "look at www.example.com"
    assert open_turn(dialogue).complete


def test_nothing_typed_changes_nothing() -> None:
    dialogue = after(Dialogue(), TextTyped(at=1.0, text=" \n"))
    assert dialogue == Dialogue()


def test_silence_counts_from_the_moment_the_voice_stopped() -> None:
    dialogue = after(
        Dialogue(),
        SpeechStarted(segment=1),
        Partial(at=1.2, segment=1, text="hello", final=True),
        SpeechStopped(at=1.0, segment=1),
    )
    assert open_turn(dialogue).silent_since == 1.0
    assert not open_turn(dialogue).awaits_final


def test_first_words_that_come_after_the_voice_stopped_do_not_move_that_moment() -> None:
    stopped = after(Dialogue(), SpeechStarted(at=0.0, segment=1), SpeechStopped(at=0.6, segment=1))
    for final in (False, True):
        late = after(stopped, Partial(at=1.4, segment=1, text="hello", final=final))
        assert open_turn(late).silent_since == 0.6


def test_a_voice_ends_the_silence() -> None:
    dialogue = after(
        Dialogue(),
        Partial(segment=1, text="so", final=True),
        SpeechStopped(at=1.0, segment=1),
        SpeechStarted(at=2.0, segment=2),
    )
    assert open_turn(dialogue).silent_since is None


def test_words_of_a_new_segment_end_the_silence_where_nobody_tells_of_voices() -> None:
    dialogue = after(
        Dialogue(),
        Partial(at=1.0, segment=1, text="I went to the", final=True),
        Partial(at=2.0, segment=2, text="market"),
    )
    assert open_turn(dialogue).silent_since is None


def test_a_late_final_of_the_segment_before_does_not_silence_the_voice_that_sounds() -> None:
    dialogue = after(
        Dialogue(),
        SpeechStarted(segment=1),
        Partial(at=0.5, segment=1, text="I went"),
        SpeechStopped(at=1.0, segment=1),
        SpeechStarted(at=1.5, segment=2),
        Partial(at=1.6, segment=1, text="I went to", final=True),
    )
    assert open_turn(dialogue).text == "I went to"
    assert open_turn(dialogue).silent_since is None
    assert open_turn(dialogue).awaits_final


def test_a_late_stop_of_the_segment_before_does_not_silence_the_voice_that_sounds() -> None:
    dialogue = after(
        Dialogue(),
        SpeechStarted(segment=1),
        SpeechStarted(at=1.5, segment=2),
        SpeechStopped(at=1.0, segment=1),
    )
    assert open_turn(dialogue).silent_since is None


def test_words_that_flow_on_into_a_closed_turn_end_its_silence() -> None:
    stopped = Partial(at=0.5, segment=1, text="I would like", final=True)
    for final, silent_since in ((False, None), (True, 0.5)):
        dialogue = closed(stopped, answer="u1")
        dialogue = after(dialogue, Partial(at=1.1, text="I would like tea", final=final))
        assert open_turn(dialogue).silent_since == silent_since


def test_more_words_before_the_answer_sounds_amend_the_turn() -> None:
    dialogue = closed(Partial(segment=1, text="I would like tea"), answer="u1")
    dialogue = after(dialogue, Partial(at=1.1, segment=1, text="I would like tea and cake"))
    assert open_turn(dialogue).id == "t1"
    assert open_turn(dialogue).text == "I would like tea and cake"
    assert said(dialogue) == []
    assert said(close_turn(dialogue, 2.0)) == ["I would like tea and cake"]


def test_more_words_after_the_answer_has_sounded_are_the_next_turn() -> None:
    dialogue = closed(Partial(segment=1, text="I would like tea"), answer="u1", sounded=True)
    dialogue = after(dialogue, Partial(at=1.1, segment=1, text="I would like tea, and cake"))
    assert open_turn(dialogue).id == "t2"
    assert open_turn(dialogue).text == "and cake"
    assert said(dialogue) == ["I would like tea"]


def test_a_mere_revision_after_the_turn_has_closed_changes_nothing() -> None:
    dialogue = closed(Partial(segment=1, text="I would like tea"), answer="u1", sounded=True)
    for text in ("I would like tea.", "I would like Lea", "I would like"):
        revised = after(dialogue, Partial(at=1.1, segment=1, text=text, final=True))
        assert revised.open_turn is None
        assert said(revised) == ["I would like tea"]


def test_late_words_of_the_turn_before_go_to_the_turn_that_is_open() -> None:
    dialogue = closed(Partial(segment=1, text="one two"), answer="u1", sounded=True)
    dialogue = after(
        dialogue,
        SpeechStarted(at=2.0, segment=2),
        Partial(at=2.1, segment=1, text="one two three", final=True),
        Partial(at=2.3, segment=2, text="four"),
        Partial(at=2.4, segment=1, text="one two three"),
    )
    assert open_turn(dialogue).text == "three four"


def test_late_words_are_not_lost_behind_a_typed_turn() -> None:
    dialogue = closed(Partial(segment=1, text="one two"))
    dialogue = close_turn(after(dialogue, TextTyped(at=2.0, text="typed")), 2.0)
    dialogue = after(dialogue, Partial(at=2.1, segment=1, text="one two three", final=True))
    assert open_turn(dialogue).text == "three"
    assert said(dialogue) == ["one two", "typed"]


def test_late_words_of_the_last_turn_but_one_open_the_next() -> None:
    dialogue = closed(Partial(segment=1, text="one two"))
    dialogue = close_turn(after(dialogue, Partial(at=2.0, segment=2, text="three")), 2.0)
    dialogue = after(dialogue, Partial(at=2.1, segment=1, text="one two more", final=True))
    assert open_turn(dialogue).text == "more"
    assert said(close_turn(dialogue, 3.0)) == ["one two", "three", "more"]


def test_first_words_of_a_segment_may_come_after_those_of_the_next() -> None:
    dialogue = after(
        Dialogue(),
        SpeechStarted(at=0.0, segment=1),
        SpeechStopped(at=1.0, segment=1),
        SpeechStarted(at=1.5, segment=2),
        Partial(at=1.9, segment=2, text="two"),
        Partial(at=2.0, segment=1, text="one", final=True),
    )
    assert open_turn(dialogue).text == "one two"
    assert open_turn(dialogue).silent_since is None
    late = after(close_turn(dialogue, 3.0), Partial(at=3.1, segment=4, text="four"))
    late = after(close_turn(late, 4.0), Partial(at=4.1, segment=3, text="three", final=True))
    assert open_turn(late).text == "three"


def test_words_of_a_segment_long_gone_are_stale() -> None:
    dialogue = Dialogue()
    for segment in range(1, 12):
        dialogue = close_turn(
            after(dialogue, Partial(at=segment, segment=segment, text=f"word{segment}")), segment
        )
    late = after(dialogue, Partial(at=12.0, segment=1, text="word1 again"))
    assert late.stale == dialogue.stale + 1
    assert late.open_turn is None


def test_the_segments_a_turn_remembers_do_not_grow_with_the_conversation() -> None:
    dialogue = Dialogue()
    for segment in range(1, 100):
        dialogue = close_turn(
            after(dialogue, Partial(at=segment, segment=segment, text="word")), segment
        )
    assert dialogue.turn
    assert len(dialogue.turn.before) < 10


def test_a_word_that_two_turns_share_is_taken_once_only() -> None:
    dialogue = closed(Partial(segment=1, text="one"), answer="u1", sounded=True)
    dialogue = after(dialogue, Partial(at=2.0, segment=1, text="one two"))
    dialogue = close_turn(dialogue, 2.0)
    utterance = Utterance(id="u2", behaviour="reply", turn="t2", sounded=True)
    dialogue = replace(dialogue, utterance=utterance)
    dialogue = after(dialogue, Partial(at=3.0, segment=1, text="one two three", final=True))
    assert said(dialogue) == ["one", "two"]
    assert open_turn(dialogue).text == "three"


def test_after_a_reconnect_the_ear_counts_from_one_again() -> None:
    dialogue = Dialogue()
    for segment in range(1, 9):
        dialogue = close_turn(after(dialogue, Partial(segment=segment, text="word")), 1.0)
    dialogue = after(
        dialogue,
        Joined(user="u", session="s", started=0.0, resumed=True),
        SpeechStarted(at=1.0, segment=1),
        Partial(at=1.2, segment=1, text="here I am"),
    )
    assert open_turn(dialogue).text == "here I am"
    assert open_turn(dialogue).id == "t9"


def test_chinese_segments_join_without_a_space_and_late_words_are_characters() -> None:
    dialogue = closed(
        Partial(segment=1, text="今天天气"), SpeechStarted(at=0.5, segment=2),
        Partial(at=1.0, segment=2, text="很好"), answer="u1", sounded=True,
    )  # fmt: skip
    dialogue = after(dialogue, Partial(at=1.5, segment=2, text="很好，对吗？", final=True))
    assert said(dialogue) == ["今天天气很好"]
    assert open_turn(dialogue).text == "对吗？"


def test_a_turn_without_words_is_not_entered_in_the_history() -> None:
    dialogue = close_turn(after(Dialogue(), SpeechStarted(segment=1)), 1.0)
    assert dialogue.messages == []
