"""What words carry, and which facts fit a query."""

import pytest

from graph.state import Fact
from memory.rank import rank
from memory.words import is_filler, is_question, newest_words, passages, sentences, terms


@pytest.mark.parametrize(
    "text", ["", " ", "mhm", "Mm-hmm.", "OK, okay", "uh-huh", "Thank you so much!", "I see",
             "yes", "No.", "嗯", "好的，谢谢", "对对对", "是的。", "...", "哈哈"],
)  # fmt: skip
def test_a_filler_carries_nothing(text: str):
    assert is_filler(text)


@pytest.mark.parametrize(
    "text", ["Tom", "I like it", "42", "see you in Rome", "yes, Biscuit", "我叫小明", "好吃", "猫"]
)
def test_what_carries_something_is_no_filler(text: str):
    assert not is_filler(text)


def test_a_bare_answer_counts_where_the_question_is_known():
    assert not is_filler("yes", answers_count=True)
    assert not is_filler("不是", answers_count=True)
    assert is_filler("mhm", answers_count=True)


@pytest.mark.parametrize(
    "text", ["what is my name", "Where do I live?", "oh! do you like tea", "你喜欢吗", "really?",
             "how old are you. and where are you from?"],
)  # fmt: skip
def test_a_question_is_seen_without_its_mark(text: str):
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["what I like is tea", "when I was young I lived in Rome", "ok", "",
             "My name is Tom. And yours?"],
)  # fmt: skip
def test_what_tells_something_is_no_question(text: str):
    assert not is_question(text)


def test_terms_are_content_words_without_endings():
    assert terms("What's my DOG's name? The dogs barked loudly") == (
        "dog", "name", "dog", "bark", "loudly",
    )  # fmt: skip
    assert terms("我的小猫叫豆豆") == ("小", "猫", "叫", "豆", "豆", "小猫", "猫叫", "叫豆", "豆豆")
    assert terms("so that's what I'd said") == ()


def test_sentences_end_at_punctuation_of_both_languages():
    assert sentences("One. Two!  Three? 四。五！six") == [
        "One.", "Two!", "Three?", "四。", "五！", "six",
    ]  # fmt: skip
    assert sentences("3.5 miles") == ["3.5 miles"]


def test_passages_are_short_and_lose_nothing():
    text = "One two three. Four five. " + " ".join(map(str, range(25)))
    pieces = passages(text, longest=10)
    assert pieces[0] == "One two three. Four five."
    assert " ".join(pieces).split() == text.split()
    assert all(len(piece.split()) <= 10 for piece in pieces)
    assert passages("") == []


def test_chinese_passages_count_characters_and_get_no_spaces():
    text = "我养了一只猫。它叫豆豆。我很喜欢它。"
    assert passages(text, longest=100) == [text]
    pieces = passages(text * 10, longest=20)
    assert "".join(pieces) == text * 10


def test_the_newest_words_are_the_last_ones():
    assert newest_words("one two three", 2) == "two three"
    assert newest_words("one two", 2) == "one two"
    assert newest_words("我的猫叫豆豆", 3) == "叫豆豆"


def test_of_equally_near_facts_the_one_that_shares_rare_words_comes_first():
    facts = [Fact("the cat sleeps", 1.0, 0.4), Fact("the dog sleeps", 2.0, 0.4)]
    facts += [Fact("she sleeps a lot", 3.0, 0.4)]
    assert [f.text for f in rank("where does the dog sleep", facts, 2)] == [
        "the dog sleeps", "she sleeps a lot",
    ]  # fmt: skip


def test_what_has_nothing_to_do_with_the_query_is_left_out():
    assert rank("my dog", [Fact("it rains", 1.0, 0.1), Fact("it snows", 1.0, -0.2)], 5) == ()


def test_a_question_of_the_user_yields_to_what_they_told():
    facts = [Fact("what do you like to eat", 2.0, 0.6), Fact("I like to eat fish", 1.0, 0.6)]
    assert rank("what shall I eat", facts, 1)[0].text == "I like to eat fish"


def test_the_query_asked_before_tells_nothing_new():
    assert rank("what's my name?", [Fact("What is my name", 1.0, 1.0)], 5) == ()


def test_scores_lie_between_0_and_1():
    facts = [Fact("my dog Biscuit", 1.0, 1.0), Fact("the dog", 1.0, 0.3)]
    scores = [fact.score for fact in rank("my dog Biscuit", facts, 5)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1.0)
