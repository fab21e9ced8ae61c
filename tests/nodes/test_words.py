"""Words as the mind counts them, and the closed classes that it knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.words import (
    content_words,
    drop_words,
    is_backchannel,
    is_bare_backchannel,
    is_courteous,
    is_emergency,
    is_question,
    is_stop,
    overlap,
    words,
    words_behind,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  ... ?!  ", []),
        ("Hello, there!", ["hello", "there"]),
        ("I’m sure it's fine", ["i'm", "sure", "it's", "fine"]),
        ("uh-huh well-known 3.5 km", ["uh-huh", "well-known", "3", "5", "km"]),
        ("你好。", ["你", "好"]),
        ("今天，天气很好！", ["今", "天", "天", "气", "很", "好"]),
        ("「等一下」、好吗？", ["等", "一", "下", "好", "吗"]),
        ("我用Python编程", ["我", "用", "python", "编", "程"]),
        ("hello世界 42号", ["hello", "世", "界", "42", "号"]),
        ("ありがとう。", ["あ", "り", "が", "と", "う"]),
        ("안녕하세요 친구", ["안녕하세요", "친구"]),
        ("Grüß dich, Łukasz", ["grüß", "dich", "łukasz"]),
        ("good 👍 job_", ["good", "job"]),
    ],
)
def test_words_are_counted_without_punctuation(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "count", "rest"),
    [
        ("Hello, there my friend.", 0, "Hello, there my friend."),
        ("Hello, there my friend.", 1, "there my friend."),
        ("Hello, there my friend.", 2, "my friend."),
        ("Hello, there my friend.", 4, ""),
        ("Hello, there my friend.", 9, ""),
        ("", 2, ""),
        ("你好，世界。", 2, "世界。"),
        ("你好。世界", 2, "世界"),
        ("我用Python编程", 3, "编程"),
        ("well... I mean it", 1, "I mean it"),
        ("one — two", 1, "two"),
    ],
)
def test_the_words_behind_those_that_are_taken(text: str, count: int, rest: str) -> None:
    assert drop_words(text, count) == rest


TALK = st.lists(st.sampled_from(["so", "it's", "Well,", "uh-huh", "3.5", "你好", "。", "no?"]))


@given(TALK, st.integers(0, 30))
def test_dropping_words_leaves_exactly_the_others(parts: list[str], count: int) -> None:
    text = " ".join(parts)
    assert words(drop_words(text, count)) == words(text)[count:]


@pytest.mark.parametrize(
    ("earlier", "later", "behind"),
    [
        ("so I went", "So, I went to the", 2),
        ("so I went", "so I went", 0),
        ("", "so I", 2),
        ("so I want", "so I went to", None),
        ("so I went to", "so I", None),
        ("今天", "今天天气。", 2),
    ],
)
def test_how_far_a_text_is_behind(earlier: str, later: str, behind: int | None) -> None:
    assert words_behind(earlier, later) == behind


@pytest.mark.parametrize(
    "text", ["mhm", "Mhm.", "uh-huh", "yeah, right", "oh I see", "Okay.", "mm", "嗯。", "哦，对。"]
)
def test_a_sign_of_listening_is_a_backchannel(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    ["", "...", "no", "wait", "yeah but listen", "what", "stop", "right turn here", "hello",
     "yeah yeah yeah yeah yeah", "不对", "等一下"],
)  # fmt: skip
def test_a_bid_for_the_floor_is_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)


def test_only_a_sound_that_answers_nothing_is_a_bare_backchannel() -> None:
    assert all(is_bare_backchannel(text) for text in ("mhm", "Hmm.", "uh-huh", "嗯。"))
    assert not any(is_bare_backchannel(text) for text in ("yes", "okay", "right", "", "mhm yes no"))


@pytest.mark.parametrize(
    "text",
    ["wait", "Wait!", "no, wait", "stop please", "hold on", "just a second", "uh hang on now",
     "Shut up.", "let me think", "等一下。", "停！"],
)  # fmt: skip
def test_a_call_to_wait(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    ["", "please", "wait for me at the station", "wait what", "stop the music at ten",
     "I could not stop", "hold on to your hat", "the bus stop", "停车在哪里"],
)  # fmt: skip
def test_a_stop_inside_a_sentence_is_no_call_to_wait(text: str) -> None:
    assert not is_stop(text)


@pytest.mark.parametrize(
    "text",
    ["Is that so?", "where do you live", "well what is it", "okay so can you help me",
     "I was late. why is that", "你好吗", "你呢", "真的？"],
)  # fmt: skip
def test_a_question(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["", "...", "I know what you mean", "tell me more", "What? I was late.", "我很好"]
)
def test_no_question(text: str) -> None:
    assert not is_question(text)


@pytest.mark.parametrize(
    "text",
    ["I think he's having a heart attack", "Call 911!", "I can’t breathe", "I want to kill myself",
     "救命。", "the house is on fire"],
)  # fmt: skip
def test_an_emergency(text: str) -> None:
    assert is_emergency(text)


@pytest.mark.parametrize("text", ["", "I had a hard day", "my breath smells", "the fire was cosy"])
def test_no_emergency(text: str) -> None:
    assert not is_emergency(text)


def test_courtesy_is_thanks_or_an_apology() -> None:
    assert all(is_courteous(text) for text in ("I'm SORRY.", "thanks a lot", "my bad", "谢谢你"))
    assert not any(is_courteous(text) for text in ("", "I think not", "sorrow", "no tanks"))


def test_topics_overlap_by_the_smaller_of_the_two() -> None:
    short, long = content_words("my garden grows"), content_words("the garden grows in spring rain")
    assert overlap(short, long) == 1.0
    assert overlap(short, content_words("an old car")) == 0.0
    assert overlap(short, frozenset()) == 0.0
