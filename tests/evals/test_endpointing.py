"""`cleans2s evals endpointing`: cut-ins against delay on real pauses."""

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from evals.endpointing import main, read_corpus
from evals.endpointing_curve import SILENCES, compare, fixed, judged
from evals.endpointing_pauses import Pauses, pauses_of
from evals.endpointing_plot import svg
from evals.timed_turns import timed_turns
from graph.errors import BadInput
from nodes.judgement.sft.talk import Stretch, talk_of

DATA = Path(os.environ.get("CLEANS2S_DATA", "../shared/data"))


def said(speaker, start, end, text, gaps=()):
    return Stretch(speaker, start, end, tuple(text.split()), gaps)


TALK = talk_of(
    "t1",
    [
        said("f", 0.0, 1.0, "where are you"),
        said("g", 1.3, 2.0, "i am at"),
        said("g", 2.7, 3.5, "the old mill"),
        said("f", 4.0, 4.5, "right"),
        said("g", 5.0, 8.0, "go down and then left", (0.0, 0.9, 0.0, 0.0)),
        said("f", 7.0, 7.3, "okay"),
        said("g", 8.1, 9.0, "at the gate"),
    ],
)


def test_pauses_within_turns_have_a_length_and_ends_have_none():
    found = [(p.view.text, p.length and round(p.length, 3)) for p in pauses_of(TALK)]
    assert found == [
        ("where are you", None),
        ("i am at", 0.7),
        ("i am at the old mill", None),
        ("right", None),
        ("go down", 0.9),
        # its speaker went on at once: somebody only put a word in
        ("okay", None),
        ("at the gate", None),
    ]


def test_the_judge_is_asked_with_the_context_that_a_session_would_have():
    view = [p.view for p in pauses_of(TALK)][2]
    assert view.context == (("agent", "where are you"),)
    last = [p.view for p in pauses_of(TALK)][-1]
    assert [speaker for speaker, _ in last.context] == ["user", "agent", "user", "agent"]
    assert last.said_before == ("i am at the old mill", "go down and then left")


def test_turns_keep_the_times_of_their_stretches():
    turns = list(timed_turns(TALK))
    assert [t.speaker for t in turns] == ["f", "g", "f", "g", "f", "g"]
    assert [(s.start, s.end) for s in turns[1].stretches] == [(1.3, 2.0), (2.7, 3.5)]
    assert turns[1].text == "i am at the old mill"


def pauses(lengths, dialogues=None):
    count = len(lengths)
    return Pauses(np.array(dialogues or [0] * count), np.array(lengths, float))


def test_a_fixed_silence_cuts_into_what_is_longer_and_delays_every_end_by_itself():
    curve = fixed(pauses([0.4, 1.0, 2.0, np.nan, np.nan])).curve()
    at = int(np.flatnonzero(np.isclose(SILENCES, 0.7))[0])
    assert curve.shares[at] == pytest.approx(2 / 3)
    assert curve.delays[at] == pytest.approx(0.7)
    equal = int(np.flatnonzero(np.isclose(SILENCES, 1.0))[0])
    assert curve.shares[equal] == pytest.approx(1 / 3)  # the speaker goes on just in time


def test_a_judge_that_knows_has_no_delay_and_one_that_knows_nothing_is_a_fixed_silence():
    chance = np.random.default_rng(0)
    lengths = np.where(chance.random(4000) < 0.5, np.nan, 0.2 + chance.exponential(0.6, 4000))
    columns = pauses(lengths.tolist(), (np.arange(4000) % 20).tolist())
    knows = judged("knows", np.where(columns.ends, 0.99, 0.01), columns)
    blind = judged("blind", np.full(4000, 0.5), columns)
    base = fixed(columns)
    delay, part = compare(knows, base)
    assert delay.value == pytest.approx(0.2, abs=0.02)
    assert part.value is not None
    assert part.value < 0.3
    same = blind.curve().delay_at(0.1)
    expected = base.curve().delay_at(0.1)
    assert same == pytest.approx(expected, rel=0.1)


def test_the_interval_is_drawn_by_dialogue():
    # within a dialogue all pauses are alike: the rows are many, what was seen is two talks
    columns = pauses([0.3, 1.5, np.nan] * 2 + [2.3, 1.1, np.nan] * 2, [0] * 6 + [1] * 6)
    delay, part = compare(fixed(columns), fixed(columns), share=0.25)
    assert delay.low is not None
    assert delay.high is not None
    assert delay.low < delay.high
    assert (part.value, part.low, part.high) == (1.0, 1.0, 1.0)


def test_a_share_that_no_setting_reaches_has_no_delay():
    curve = fixed(pauses([9.0, 9.0, np.nan])).curve()
    assert curve.delay_at(0.1) is None
    figure, _ = compare(fixed(pauses([9.0, 9.0, np.nan])), fixed(pauses([9.0, 9.0, np.nan])))
    assert figure.value is None


def folder_of(tmp_path):
    place = tmp_path / "timed" / "maptask"
    place.mkdir(parents=True)
    rows = ["dialogue,speaker,start,end,text"]
    for number in range(3):
        rows += [
            f"q{stretch.speaker}{number},{stretch.speaker},{stretch.start},{stretch.end},"
            + " ".join(stretch.words)
            for stretch in TALK.stretches
        ]
    text = "\n".join(rows).replace("qf", "q").replace("qg", "q")
    (place / "ipus.csv").write_text(text + "\n", encoding="utf-8")
    return tmp_path


def test_the_command_prints_a_table_and_writes_figures_and_a_picture(tmp_path, capsys):
    data, out, picture = folder_of(tmp_path), tmp_path / "o.json", tmp_path / "o.svg"
    given = ["--data", str(data), "--judge", "rules", "--json", str(out), "--svg", str(picture)]
    assert main(given) == 0
    assert "3 dialogues: 3 pauses within turns, 15 ends of turns" in capsys.readouterr().out
    figures = json.loads(out.read_text())
    assert list(figures) == ["fixed silence", "rules"]
    assert figures["rules"]["shipped"]["setting"] == 0
    assert figures["fixed silence"]["shipped"] is None
    assert {"at_10_percent", "part_of_fixed", "curve"} <= set(figures["rules"])
    drawn = ET.parse(picture).getroot()
    assert len(drawn.findall("{http://www.w3.org/2000/svg}polyline")) == 2
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == 1


def test_a_missing_corpus_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"ipus\.csv"):
        main(["--data", str(tmp_path)])


def test_names_in_a_picture_are_escaped():
    curve = fixed(pauses([0.5, np.nan])).curve()
    ET.fromstring(svg([curve], "a < b & c"))


@pytest.mark.skipif(not (DATA / "timed").is_dir(), reason="the data folder is not there")
def test_on_map_task_longer_silences_cut_less_and_wait_longer():
    talks = read_corpus(DATA, "maptask")
    assert len(talks) == 64
    columns = Pauses.of([p for talk in talks[:8] for p in pauses_of(talk)])
    assert np.nanmin(columns.length) >= 0.2 - 1e-9
    curve = fixed(columns).curve()
    assert (np.diff(curve.shares) <= 0).all()
    assert (np.diff(curve.delays) > 0).all()
    middle = curve.delay_at(0.1)
    assert middle is not None
    assert 1.0 < middle < 2.0
