"""What one sentence cannot show: repetition, rambling, drift, and the persona's opinions.

With the same words as the only likeness: the networks' vectors are tested with the encoder.
"""

import pytest

from graph.state import Appraisal
from nodes.judgement.appraisal import appraisal_of
from nodes.judgement.boring import boring
from nodes.judgement.estimator import View
from nodes.judgement.opinions import siding
from nodes.persona import Opinion

PIZZA = Opinion("pineapple pizza", "I love pineapple on pizza.", ("pineapple",))
CARS = Opinion("cars", "Cars in the city are a terrible waste of room.", ("cars",))

CIRCLES = (
    "so the doctor says i need to lose weight and i say i hardly eat anything a yoghurt in the"
    " morning a salad at lunch that's it i hardly eat i have a yoghurt for breakfast and salad for"
    " lunch and that's all and the doctor still tells me to lose weight but i eat nothing a yoghurt"
    " a salad how can i lose weight"
)
STORY = (
    "my sister borrowed my car last weekend and brought it back with a scratch at first i was"
    " annoyed but then she told me what happened a boy on a bicycle had slipped on the ice right in"
    " front of her and she pulled over to the kerb so the door touched a post"
)
RAMBLE = (
    "well i was going to say something about the car but anyway it's not really about the car it's"
    " sort of you know how it is and i don't know or whatever and then anyway what was i saying oh"
    " well it doesn't matter it was something like that or was it i forget anyway never mind"
)
DIRECTIONS = (
    "when you come out of the station turn left and walk along the river until you see the old"
    " bridge don't cross it stay on this side and go past the bridge for two hundred metres then"
    " there's a church with a green roof on your right take the small street behind the church"
)


def test_one_who_goes_round_in_circles_bores() -> None:
    found = boring(View(CIRCLES), None)
    assert found.p >= 0.7
    assert found.reason == "you say the same thing again"


def test_one_who_rambles_bores_and_is_told_so() -> None:
    found = boring(View(RAMBLE), None)
    assert found.p >= 0.7
    assert found.reason == "you ramble"


@pytest.mark.parametrize("text", [STORY, DIRECTIONS])
def test_a_long_turn_that_moves_on_never_bores(text: str) -> None:
    words = text.split()
    heard = [boring(View(" ".join(words[:at])), None).p for at in range(1, len(words) + 1)]
    assert max(heard) < 0.5


def test_circles_are_forgiven_once_the_words_move_on() -> None:
    assert boring(View(f"{CIRCLES} {STORY.partition('scratch')[2]}"), None).p < 0.5


LETTER = "the phone company charged me twice for the same month and i want my money back"


def test_what_was_said_in_an_earlier_turn_bores_when_it_comes_again() -> None:
    again = f"like i said {LETTER}"
    assert boring(View(again), None).p < 0.5
    found = boring(View(again, said_before=("hello", LETTER)), None)
    assert found.p >= 0.7
    assert found.reason == "you said this before"


def test_whoever_is_asked_may_say_it_again() -> None:
    asked = (("agent", "What was that about the phone company?"),)
    assert boring(View(LETTER, asked, said_before=(LETTER,)), None).p == 0.0


def test_a_question_never_bores() -> None:
    assert boring(View(f"{CIRCLES}. Is that fair?"), None).p == 0.0


def test_words_without_punctuation_or_case_bore_as_much() -> None:
    assert boring(View(CIRCLES.upper().replace(" and ", ", and ")), None) == boring(
        View(CIRCLES), None
    )


@pytest.mark.parametrize(
    ("text", "opinion", "side"),
    [
        ("pineapple on pizza is a crime", PIZZA, -1),
        ("I can't stand pineapple", PIZZA, -1),
        ("pineapple is not bad at all", PIZZA, 1),
        ("I adore pineapple", PIZZA, 1),
        ("I bought a pineapple", PIZZA, 0),
        ("it is a crime", PIZZA, 0),
        ("cars are awful", CARS, 1),
        ("I love cars", CARS, -1),
    ],
)
def test_sides_taken_on_an_opinion(text: str, opinion: Opinion, side: int) -> None:
    assert siding(View(text, opinions=(opinion,)), opinion) == side


def test_the_appraisals_come_in_order() -> None:
    view = View("pineapple on pizza is a crime", opinions=(PIZZA,))
    assert appraisal_of({"affront": 0.8, "conflict": 0.9}, view, None) == ("affront", 0.8)
    assert appraisal_of({"unreasonable": 0.6}, view, None) == ("unreasonable", 0.6)
    assert appraisal_of({"agreement": 0.9}, view, None) == ("conflict", 0.75)
    assert appraisal_of({}, View(CIRCLES), None)[0] == "boring"
    assert appraisal_of({"affront": 0.4}, View(STORY), None)[0] == "plain"


def test_agreement_with_nothing_the_agent_holds_is_plain() -> None:
    network: dict[Appraisal, float] = {"agreement": 0.9}
    assert appraisal_of(network, View("yes exactly"), None)[0] == "plain"
    stood = View("yes exactly", (("agent", "Pineapple belongs on pizza."),), opinions=(PIZZA,))
    assert appraisal_of(network, stood, None) == ("agreement", 0.9)
