"""`cleans2s evals interruption`: monologues, their twins, and natural turns in real sessions."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from evals.interruption import Spoken, main, read_talks
from evals.interruption_set import (
    KINDS,
    WORDS_PER_SECOND,
    monologues,
    read_monologues,
    word_times,
)
from evals.interruption_talk import Cut, Stage
from evals.virtual_time import run_virtual
from graph.errors import BadInput
from graph.state import Estimate
from nodes.judgement.sft.talk import Stretch, talk_of
from nodes.words import words

DATA = Path(os.environ.get("CLEANS2S_DATA", "../shared/data"))
SHIPPED = monologues()


class Hears:
    """Takes a turn for an insult once a word has come up in it."""

    def __init__(self, word):
        self.word = word
        self.views = []

    async def estimate(self, view):
        self.views.append(view)
        rude = self.word in view.text.split()
        return Estimate(0.1, "affront" if rude else "plain", 0.95, source="test")


def written(tmp_path, text):
    path = tmp_path / "insulting.yaml"
    path.write_text(text, encoding="utf-8")
    return path


ONE = """
- id: one
  before:
    - [user, "My name is Ann."]
    - [agent, "Hello Ann."]
  text: >-
    I have told you, twice, and I am tired of it. You are a {*} dunce if ever there was one, and I
    want my money back, all of it, today and not tomorrow.
  twin: >-
    I have told my brother, twice, and I am tired of it. He spent the money on a boat, and the boat
    has sunk, so I want to know whether the insurance pays for it.
"""


def one(tmp_path, text=ONE):
    return list(read_monologues(written(tmp_path, text), "insulting"))


def test_there_are_a_hundred_monologues_about_a_third_of_each_kind_and_their_twins():
    kinds = Counter(m.kind for m in SHIPPED if m.mark is not None)
    assert kinds.total() == 100
    assert all(kinds[kind] in (33, 34) for kind in KINDS)
    assert Counter(m.kind for m in SHIPPED if m.mark is None) == kinds
    assert len({m.id for m in SHIPPED}) == 200
    assert len({m.words for m in SHIPPED}) == 200


@pytest.mark.parametrize("kind", KINDS)
def test_monologues_are_long_enough_and_go_on_behind_the_mark(kind):
    for monologue in (m for m in SHIPPED if m.kind == kind):
        assert 60 <= len(monologue.words) <= 150, monologue.id
        if monologue.mark is not None:
            assert monologue.times[-1] - monologue.marked_at > 4.0, monologue.id


def test_a_twin_is_about_as_long_as_its_monologue():
    pairs = list(zip(SHIPPED[::2], SHIPPED[1::2], strict=True))
    assert all(twin.id == f"{one.id}-twin" for one, twin in pairs)
    ratios = [len(twin.words) / len(one.words) for one, twin in pairs]
    assert 0.9 < sum(ratios) / len(ratios) < 1.1
    assert all(0.6 < ratio < 1.6 for ratio in ratios)


def test_the_mark_counts_words_as_a_recogniser_gives_them(tmp_path):
    first, twin = one(tmp_path)
    assert first.words[first.mark] == "dunce"
    assert twin.mark is None
    assert twin.before == first.before == (("user", "My name is Ann."), ("agent", "Hello Ann."))


def test_words_come_at_a_natural_pace_with_pauses_that_nobody_could_answer_in():
    spoken = "well i said to him that it would never do".split()
    times = word_times(spoken, [0.1] + [0.0] * 9)
    assert times[-1] == pytest.approx(len(spoken) / WORDS_PER_SECOND, abs=0.001)
    assert list(times) == sorted(times)
    for monologue in SHIPPED:
        rate = len(monologue.words) / monologue.times[-1]
        assert rate == pytest.approx(WORDS_PER_SECOND, rel=0.02), monologue.id


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "cannot be read"),
        ("id: one", "list of monologues"),
        (ONE.replace("{*}", ""), "entry 1: text"),
        (ONE.replace("{*}", "{*} a {*}"), "entry 1: text"),
        (ONE.replace("[agent,", "[robot,"), "entry 1: before"),
        (ONE.replace("  twin:", "  brother:"), "entry 1: twin"),
    ],
)
def test_a_monologue_that_is_wrong_is_named(tmp_path, text, named):
    with pytest.raises(BadInput, match=named):
        one(tmp_path, text)


def test_an_insult_is_cut_by_the_real_session_shortly_after_it_was_said(tmp_path):
    first, twin = one(tmp_path)
    estimator = Hears("dunce")
    stage = Stage(estimator)
    cut = run_virtual(stage.monologue(first, "max"))
    assert cut is not None
    assert Spoken(first, cut).outcome == "in time"
    assert words(cut.text) == list(first.words[: len(words(cut.text))])
    assert "insult" in cut.reason
    assert estimator.views[0].said_before == ("My name is Ann.",)
    assert run_virtual(stage.monologue(twin, "max")) is None
    assert Spoken(twin, None).outcome == "never"


def test_the_same_speech_is_cut_at_the_same_moment_every_time(tmp_path):
    first, _ = one(tmp_path)
    cuts = [run_virtual(Stage(Hears("dunce")).monologue(first, "max")) for _ in range(2)]
    assert cuts[0] == cuts[1]


def test_what_was_cut_too_soon_or_too_late_is_no_success(tmp_path):
    first, twin = one(tmp_path)
    mark = first.marked_at
    outcomes = [Spoken(first, Cut(mark + late, "", "")).outcome for late in (-0.1, 0, 3.0, 3.1)]
    assert outcomes == ["early", "in time", "in time", "late"]
    assert Spoken(twin, Cut(mark, "", "")).outcome == "early"


TALK = talk_of(
    "t1",
    [
        Stretch("f", 0.0, 1.0, ("where", "are", "you")),
        Stretch("g", 1.5, 3.5, tuple("i am by the mill you dunce and i".split())),
        Stretch("g", 4.5, 6.5, tuple("want to go on to the gate now".split())),
        Stretch("f", 7.0, 8.0, ("go", "on", "then")),
        Stretch("g", 8.5, 9.5, ("thank", "you")),
    ],
)


def test_natural_turns_are_heard_at_their_own_time_with_what_the_other_one_answered():
    estimator = Hears("dunce")
    heard = run_virtual(Stage(estimator).dialogue(TALK, "g", "max"))
    assert heard.speech == pytest.approx(5.0)
    assert len(heard.cuts) == 1
    assert 1.5 < heard.cuts[0].at < 4.5
    assert ("agent", "go on then") in estimator.views[-1].context
    assert heard.acts.total() == 2


def test_a_silence_within_a_natural_turn_is_granted():
    estimator = Hears("nothing")
    heard = run_virtual(Stage(estimator).dialogue(TALK, "g", "max"))
    assert heard.cuts == ()
    assert heard.acts == Counter(reply=2)
    assert TALK.stretches[1].words + TALK.stretches[2].words in {
        tuple(view.text.split()) for view in estimator.views
    }


def test_the_command_prints_each_kind_and_writes_the_figures(tmp_path, capsys, monkeypatch):
    chosen = [m for kind in KINDS for m in SHIPPED if m.kind == kind and not m.persona]
    few = [next(m for m in chosen if m.kind == kind and m.mark is not None) for kind in KINDS]
    twins = [next(m for m in chosen if m.id == f"{m_.id}-twin") for m_ in few]
    monkeypatch.setattr("evals.interruption.monologues", lambda: [*few, *twins])
    out = tmp_path / "out.json"
    given = ["--judge", "rules", "--persona", "max", "--dialogues", "0", "--jobs", "1"]
    assert main([*given, "-v", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert all(kind in printed for kind in KINDS)
    figures = json.loads(out.read_text())["max"]
    assert figures["monologues"]["all"]["n"] == figures["twins"]["all"]["n"] == 3
    assert figures["natural"]["an_hour"] is None
    misses = printed.count(" s, behind") + printed.count("from the mark, behind")
    assert misses + printed.count("never cut") >= figures["twins"]["all"]["early"]


def test_wrong_numbers_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--jobs", "0"])
    with pytest.raises(SystemExit):
        main(["--dialogues", "-1"])
    assert "should be a number" in capsys.readouterr().err


@pytest.mark.skipif(not (DATA / "timed").is_dir(), reason="the data folder is not there")
def test_natural_turns_of_map_task_reach_a_real_session():
    (talk,) = read_talks(DATA, 1)
    speaker = talk.stretches[0].speaker
    heard = run_virtual(Stage(Hears("nobody says this")).dialogue(talk, speaker, "max"))
    own = [s for s in talk.stretches if s.speaker == speaker]
    assert heard.speech == pytest.approx(sum(s.end - s.start for s in own))
    assert heard.cuts == ()
    assert heard.acts["reply"] > 0
