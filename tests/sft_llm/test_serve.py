"""The small server of a trained judge, as the LLM judge and others meet it."""

import math
from collections.abc import Sequence

import httpx
import pytest

from graph.errors import BadInput
from graph.settings import LLMSettings
from nodes.judgement.estimator import View
from nodes.judgement.llm import LlmJudge
from nodes.judgement.llm_prompt import ChatMessage, judge_messages
from nodes.judgement.rules import RulesEstimator
from nodes.judgement.sft.llm.wire import Spoken
from tests.sft_llm.conftest import served

ANSWER = [
    Spoken("res", math.log(0.8), (("res", math.log(0.8)), ("listen", math.log(0.2)))),
    Spoken("pond", 0.0, (("pond", 0.0),)),
    Spoken(" affront", math.log(0.6), ((" affront", math.log(0.6)), (" plain", math.log(0.3)))),
]


class Scripted:
    """Says the same to everything, up to the tokens allowed."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[ChatMessage], int, int]] = []

    def speak(self, messages: Sequence[ChatMessage], max_tokens: int, top: int) -> list[Spoken]:
        self.asked.append((list(messages), max_tokens, top))
        if messages[-1]["content"] == "too long":
            raise BadInput("messages", 9000, "there is room for 4096 tokens")
        return ANSWER[:max_tokens]


def hello(**more: object) -> dict[str, object]:
    return {"model": "judge", "messages": [{"role": "user", "content": "hello"}], **more}


async def test_the_llm_judge_reads_answer_and_probabilities():
    speaker = Scripted()
    with served(speaker) as url:
        judge = LlmJudge(LLMSettings(model="judge", base_url=url), 10, RulesEstimator())
        estimate = await judge.estimate(View("you are useless"))
        await judge.close()
    assert (estimate.source, estimate.appraisal) == ("llm", "affront")
    assert estimate.p_complete == pytest.approx(0.8, abs=0.01)
    assert estimate.p_appraisal == pytest.approx(0.6 / 0.9, abs=0.01)
    messages, room, top = speaker.asked[0]
    assert messages == judge_messages(View("you are useless"))
    assert (room, top) == (16, 5)


def test_an_answer_in_one_piece_says_why_it_ended():
    with served(Scripted()) as url:
        answers = [
            httpx.post(f"{url}/chat/completions", json=hello(max_tokens=room)).json()
            for room in (2, 16)
        ]
        names = httpx.get(f"{url}/models").json()["data"]
    said = [
        (a["choices"][0]["message"]["content"], a["choices"][0]["finish_reason"]) for a in answers
    ]
    assert said == [("respond", "length"), ("respond affront", "stop")]
    assert "logprobs" not in answers[0]["choices"][0]
    assert [entry["id"] for entry in names] == ["judge"]


@pytest.mark.parametrize(
    ("more", "status"),
    [({"temperature": 0.7}, 422), ({"top_logprobs": 50}, 422), ({"messages": []}, 422),
     ({"messages": [{"role": "user", "content": "too long"}]}, 400)],
)  # fmt: skip
def test_what_it_cannot_do_it_refuses(more, status):
    with served(Scripted()) as url:
        assert httpx.post(f"{url}/chat/completions", json=hello(**more)).status_code == status
