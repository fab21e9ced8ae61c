"""The estimator that settings name, and the rules in the place of an encoder that cannot be had."""

import pytest

from graph.errors import Unavailable
from graph.state import Estimate
from nodes.judgement.chosen import EncoderOrRules, Loaded, estimator_for
from nodes.judgement.estimator import View
from nodes.judgement.rules import RulesEstimator


class Encoder:
    """One that may be broken in the way a missing file breaks it."""

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.warmed = 0

    async def warm(self) -> None:
        if self.broken:
            raise Unavailable("encoder.onnx is missing")
        self.warmed += 1

    async def estimate(self, view: View) -> Estimate:
        if self.broken:
            raise Unavailable("encoder.onnx is missing")
        return Estimate(0.5, source="encoder")


async def test_the_encoder_is_made_when_it_is_needed_and_only_once() -> None:
    made: list[Encoder] = []

    def make() -> Loaded:
        made.append(Encoder())
        return made[-1]

    chosen = EncoderOrRules(make)
    assert made == []
    await chosen.warm()
    assert (await chosen.estimate(View("hello"))).source == "encoder"
    assert (await chosen.estimate(View("hello"))).source == "encoder"
    assert [encoder.warmed for encoder in made] == [1]
    assert chosen.usable


@pytest.mark.parametrize("warmed", [True, False])
async def test_the_rules_stand_in_for_a_broken_one_and_it_is_said_once(
    warmed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = EncoderOrRules(lambda: Encoder(broken=True))
    if warmed:
        await chosen.warm()
    for text in ("hello", "i went to the", "hello"):
        assert await chosen.estimate(View(text)) == await RulesEstimator().estimate(View(text))
    await chosen.warm()
    assert not chosen.usable
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "word rules" in record.message
    assert "encoder.onnx is missing" in record.message


async def test_one_that_cannot_even_be_made() -> None:
    def make() -> Loaded:
        raise Unavailable("no such folder")

    assert (await EncoderOrRules(make).estimate(View("hello"))).source == "rules"


def test_by_name() -> None:
    assert isinstance(estimator_for("rules"), RulesEstimator)
    assert isinstance(estimator_for("encoder"), EncoderOrRules)
    assert isinstance(estimator_for("llm"), EncoderOrRules)
