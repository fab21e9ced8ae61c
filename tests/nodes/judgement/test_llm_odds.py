"""Probabilities from log probabilities, however a tokenizer cuts the words."""

import math

import pytest

from nodes.judgement.llm_odds import Token, odds, tokens_of

FLOORS = ("respond", "listen")
APPRAISALS = ("plain", "affront", "unreasonable", "boring", "agreement", "conflict")


def place(**choices: float) -> Token:
    text = next(iter(choices))
    return Token(text, choices)


def test_whole_words() -> None:
    tokens = [
        Token("respond", {"respond": 0.6, "listen": 0.2, "The": 0.2}),
        Token(" plain", {" plain": 0.9, " boring": 0.1}),
    ]
    assert odds(tokens, 0, FLOORS) == pytest.approx({"respond": 0.75, "listen": 0.25})
    told = odds(tokens, 1, APPRAISALS)
    assert told
    assert told["plain"] == pytest.approx(0.9)
    assert told["affront"] == 0
    assert sum(told.values()) == pytest.approx(1)


def test_words_in_pieces_and_in_other_cases_count_for_the_word_they_begin() -> None:
    tokens = [
        Token("res", {"res": 0.3, "Resp": 0.2, "respond": 0.1, "List": 0.3, "l": 0.1}),
        Token("pond", {"pond": 1.0}),
        Token(" ", {" ": 1.0}),
        Token("pl", {"pl": 0.5, "bor": 0.5}),
        Token("ain", {"ain": 1.0}),
    ]
    assert odds(tokens, 0, FLOORS) == pytest.approx({"respond": 0.6, "listen": 0.4})
    told = odds(tokens, 1, APPRAISALS)
    assert told
    assert told["plain"] == pytest.approx(0.5)
    assert told["boring"] == pytest.approx(0.5)


def test_where_two_words_begin_alike_the_next_token_tells() -> None:
    tokens = [
        Token("respond", {"respond": 1.0}),
        Token(" a", {" a": 0.8, " plain": 0.2}),
        Token("ff", {"ff": 0.75, "gree": 0.25}),
        Token("ront", {"ront": 1.0}),
    ]
    told = odds(tokens, 1, APPRAISALS)
    assert told
    assert told["affront"] == pytest.approx(0.6)
    assert told["agreement"] == pytest.approx(0.2)
    assert told["plain"] == pytest.approx(0.2)


def test_the_chosen_token_alone_leaves_the_rest_to_the_others() -> None:
    tokens = [place(listen=0.7), Token(" plain", {" plain": 0.6})]
    assert odds(tokens, 0, FLOORS) == pytest.approx({"respond": 0.3, "listen": 0.7})
    told = odds(tokens, 1, APPRAISALS)
    assert told
    assert told["affront"] == pytest.approx(0.08)
    assert sum(told.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        [Token("Sure", {"Sure": 0.9, "Well": 0.1})],
        [Token("respond pl", {"respond pl": 1.0}), Token("ain", {"ain": 1.0})],
    ],
)
def test_tokens_that_do_not_tell(tokens: list[Token]) -> None:
    assert odds(tokens, 1, APPRAISALS) is None
    if not tokens or tokens[0].text == "Sure":
        assert odds(tokens, 0, FLOORS) is None


def test_the_form_of_chat_completions_is_read() -> None:
    given = {
        "content": [
            {
                "token": "listen",
                "logprob": math.log(0.9),
                "bytes": [1],
                "top_logprobs": [
                    {"token": "listen", "logprob": math.log(0.9), "bytes": None},
                    {"token": "respond", "logprob": -9999.0},
                ],
            },
            {"token": " plain", "logprob": 0.0000001, "top_logprobs": None},
        ],
        "refusal": None,
    }
    first, second = tokens_of(given)
    assert first.text == "listen"
    assert first.choices == pytest.approx({"listen": 0.9, "respond": 0.0})
    assert second == Token(" plain", {" plain": 1.0})


@pytest.mark.parametrize(
    "given", [None, {}, {"content": None}, {"content": [{"token": "a"}]}, "no", {"tokens": ["a"]}]
)
def test_what_cannot_be_read_tells_nothing(given: object) -> None:
    assert tokens_of(given) == []
