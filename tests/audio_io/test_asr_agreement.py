from hypothesis import given
from hypothesis import strategies as st

from audio_io.asr.agreement import Agreement


def after(*hypotheses: str) -> tuple[str, str]:
    """The text, and its confirmed beginning."""
    agreement = Agreement()
    for hypothesis in hypotheses:
        agreement.update(hypothesis)
    return agreement.text, agreement.text[: agreement.confirmed]


def test_one_hypothesis_confirms_nothing():
    assert after("ask not what") == ("ask not what", "")


def test_what_two_in_a_row_begin_with_is_confirmed():
    assert after("ask not watt", "ask not what your") == ("ask not what your", "ask not")


def test_case_and_punctuation_are_no_disagreement():
    assert after("And so, my", "and so my fellow.") == ("and so my fellow.", "and so my")


def test_a_word_agreed_on_and_then_heard_otherwise_stays():
    assert after("a cat", "a cat sat", "the cat sat on") == ("a cat sat on", "a cat sat")


def test_words_lost_from_the_confirmed_beginning_do_not_swallow_later_ones():
    text, confirmed = after("well I think so", "well I think so", "I think so too")
    assert text == "well I think so too"
    assert confirmed == "well I think so"


def test_a_hypothesis_of_nothing_keeps_what_is_confirmed():
    assert after("yes please", "yes please", "") == ("yes please", "yes please")


def test_a_hypothesis_without_a_word_in_common_adds_behind_the_confirmed_words():
    assert after("one two", "one two", "six seven eight")[0] == "one two eight"


def test_chinese_is_confirmed_character_by_character():
    assert after("今天天汽", "今天天气很好") == ("今天天气很好", "今天天")
    assert after("用 AI 吗", "用 AI 嘛") == ("用 AI 嘛", "用 AI")


def test_a_settled_piece_stands_before_the_next_one():
    agreement = Agreement()
    agreement.update("it was the first")
    agreement.settle("it was the first great sorrow")
    assert (agreement.text, agreement.confirmed) == ("it was the first great sorrow", 29)
    agreement.update("of his life")
    assert agreement.text == "it was the first great sorrow of his life"
    assert agreement.text[: agreement.confirmed] == "it was the first great sorrow"


def test_a_piece_whose_last_transcription_failed_keeps_its_words():
    agreement = Agreement()
    agreement.update("it was")
    agreement.settle(None)
    assert agreement.text == "it was"


WORDS = st.lists(st.sampled_from("a b c d 好 天 x. Y".split()), max_size=8).map(" ".join)


@given(steps=st.lists(st.tuples(st.booleans(), WORDS), max_size=12))
def test_confirmed_text_is_never_revised(steps):
    agreement = Agreement()
    sure = ""
    for settles, hypothesis in steps:
        if settles:
            agreement.settle(hypothesis)
        else:
            agreement.update(hypothesis)
        assert agreement.confirmed <= len(agreement.text)
        now = agreement.text[: agreement.confirmed]
        assert now.startswith(sure)
        sure = now
