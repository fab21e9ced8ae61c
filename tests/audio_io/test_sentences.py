import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_io.sentences import (
    FIRST_LIMIT,
    LIMIT,
    Sentences,
    cut,
    pause_after,
    speakable,
)

PROSE = st.text(
    alphabet=st.sampled_from(list("abcXYZ 0123.,!?;:…—\n\"'”)。，！？；你好我们🙂\u0301")),
    max_size=900,
) | st.text(max_size=900)


def parts(text: str, sizes: list[int]) -> list[str]:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(text[start : start + size])
        start += size
    return [*pieces, text[start:]]


def stream(pieces: list[str]) -> list[str]:
    sentences = Sentences()
    return [out for piece in pieces for out in sentences.feed(piece)] + sentences.flush()


@given(PROSE, st.lists(st.integers(0, 40), max_size=60))
def test_nothing_is_lost_or_doubled_however_the_text_arrives(text: str, sizes: list[int]):
    assert "".join(stream(parts(text, sizes))) == text


@given(PROSE)
def test_nothing_is_lost_or_doubled_in_a_complete_text(text: str):
    assert "".join(cut(text)) == text


@given(PROSE, st.lists(st.integers(1, 40), max_size=60))
def test_no_piece_is_longer_than_can_be_spoken_in_one_breath(text: str, sizes: list[int]):
    for piece in stream(parts(text, sizes)):
        assert len(piece.strip()) <= LIMIT


@pytest.mark.parametrize(
    "text",
    [
        "Hello there. How are you? I am fine! ",
        "Dr. Smith met Mr. J. Jones at 10.30. They paid $4.50 for it. ",
        "Some of it, e.g. the U.S. part, is old. The rest is not. ",
        "Well... maybe. Wait… what? He left... Then she did. ",
        "“Really?” she said. “Yes!” He nodded. ",
        "你好，我是助手。今天天气不错！我们走吧。",
        "我说：“好的。”然后他走了。",
        "1. Take the tea. 2. Pour the water. ",
        "So do I. Then we agree. ",
        "First line\nSecond line\n\nThird line",
    ],
)
def test_the_cut_does_not_depend_on_how_a_later_sentence_arrives(text: str):
    whole = cut("Opening words. " + text)
    sentences = Sentences()
    letters = sentences.feed("Opening words. ") + [
        out for char in text for out in sentences.feed(char)
    ]
    by_letter = letters + sentences.flush()
    # A pause in the stream may leave whitespace to the next piece, never words.
    assert [piece.strip() for piece in by_letter] == [piece.strip() for piece in whole]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hi there. Good day.", ["Hi there.", "Good day."]),
        ("Dr. Smith is in. Come!", ["Dr. Smith is in.", "Come!"]),
        ("It is 3.14 or so. Right?", ["It is 3.14 or so.", "Right?"]),
        ("Well... maybe not. Ok", ["Well... maybe not.", "Ok"]),
        ("Gone... Then back.", ["Gone...", "Then back."]),
        ("Use e.g. this. Or the U.S. one.", ["Use e.g. this.", "Or the U.S. one."]),
        ("J. S. Bach wrote it. I like him.", ["J. S. Bach wrote it.", "I like him."]),
        ("So do I. You too.", ["So do I.", "You too."]),
        ("“Stop!” he cried. “Now.”", ["“Stop!” he cried.", "“Now.”"]),
        ("你好。我很好！你呢？", ["你好。", "我很好！", "你呢？"]),
        ("他说：“走吧。”我们走了。", ["他说：“走吧。”", "我们走了。"]),
        ("Sure 好的。Then go.", ["Sure 好的。", "Then go."]),
        ("1. Tea\n2. Milk", ["1. Tea", "2. Milk"]),
        ("Mail joe@x.org now! Ok.", ["Mail joe@x.org now!", "Ok."]),
        ("What?! No way. ", ["What?!", "No way."]),
        ("no end at all", ["no end at all"]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, sentences: list[str]):
    assert [piece.strip() for piece in cut(text)] == sentences


def test_a_first_clause_is_spoken_before_its_sentence_has_come():
    sentences = Sentences()
    assert sentences.feed("Well, ") == []
    assert sentences.feed("I really think so,") == []
    assert sentences.feed(" but") == ["Well, I really think so, "]
    assert sentences.feed(" let us see, shall we,") == []


def test_a_short_first_sentence_is_spoken_as_soon_as_the_next_begins():
    sentences = Sentences()
    assert sentences.feed("Sure.") == []
    assert sentences.feed(" I") == ["Sure. "]


def test_a_whole_line_in_one_piece_is_not_broken_at_its_comma():
    sentences = Sentences()
    assert sentences.feed("Hold on a moment, please, let me think.") == []
    assert sentences.flush() == ["Hold on a moment, please, let me think."]
    assert cut("Hold on a moment, please, let me think") == [
        "Hold on a moment, please, let me think"
    ]


def test_a_number_with_a_comma_is_no_clause():
    sentences = Sentences()
    assert sentences.feed("It costs about 1,000 euros") == []


def test_chinese_clause_comes_first():
    sentences = Sentences()
    assert sentences.feed("我觉得今天，我们") == ["我觉得今天，"]


def test_text_without_punctuation_is_bounded_and_cut_between_words():
    words = "word " * 200
    sentences = Sentences()
    first = sentences.feed(words)
    assert len(first[0].strip()) <= FIRST_LIMIT
    assert all(piece.endswith("word ") for piece in first)
    assert all(len(piece.strip()) <= LIMIT for piece in first)


def test_chinese_without_punctuation_is_bounded():
    pieces = cut("好" * 500)
    assert max(map(len, pieces)) <= LIMIT // 3


def test_a_long_sentence_is_cut_behind_a_clause():
    text = "Opening. " + "a" * 150 + ", " + "b" * 150 + " and so on. "
    assert cut(text)[1] == "a" * 150 + ", "


def test_a_flood_of_text_in_one_piece_takes_linear_time():
    pieces = cut("lorem ipsum dolor " * 30_000)
    assert len(pieces) > 2000
    assert "".join(cut("\n \n" * 50_000)) == "\n \n" * 50_000


def test_after_a_failure_it_is_known_whether_the_rest_is_a_sentence():
    sentences = Sentences()
    sentences.feed("All done here.")
    assert sentences.rest_is_whole
    sentences.feed(" And th")
    assert not sentences.rest_is_whole
    assert not Sentences().rest_is_whole


def test_marks_alone_cannot_be_spoken():
    assert not speakable("... — !?")
    assert not speakable("🙂")
    assert speakable("7")
    assert speakable("好")


def test_the_silence_behind_a_sentence_follows_its_punctuation():
    assert pause_after("Done. ") > pause_after("Done, ") > pause_after("done ") == 0
    assert pause_after("“好。” ") == pause_after("Done!") == pause_after("Line\n")
