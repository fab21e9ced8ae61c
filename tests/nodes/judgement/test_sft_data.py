"""Real timing to examples: an answer, a pause, a cut; and what is never trained on."""

import json

import pytest

from graph.errors import BadInput
from nodes.judgement.sft.corpora import load_talks, load_texts, read_talks
from nodes.judgement.sft.data import examples_of, is_held_out, main
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.guard import HeldOut, refuse_path
from nodes.judgement.sft.noise import Noise, Rates
from nodes.judgement.sft.talk import Stretch, talk_of
from nodes.judgement.sft.turns import After, Step, turns_of


def stretch(speaker, start, end, text, gaps=()):
    return Stretch(speaker, start, end, tuple(text.split()), gaps)


def talk(*stretches, **given):
    return talk_of("t", stretches, **given)


def ends(found):
    return [(step.word, step.after, step.soon) for step in found.steps if step.after != After.FLOW]


def test_a_pause_within_a_turn_is_listening_and_its_end_an_answer():
    turns = turns_of(
        talk(
            stretch("a", 0.0, 1.0, "so then you"),
            stretch("a", 1.5, 2.0, "turn left"),
            stretch("b", 2.3, 2.6, "okay"),
        )
    )
    assert [turn.text for turn in turns] == ["so then you turn left", "okay"]
    assert ends(turns[0]) == [
        ("you", After.PAUSE, None),
        ("left", After.END, pytest.approx(0.3)),
    ]


def test_an_answer_in_overlap_came_before_the_end():
    first, _ = turns_of(
        talk(stretch("a", 0.0, 2.0, "do you see it"), stretch("b", 1.8, 2.4, "yes"))
    )
    assert ends(first) == [("it", After.END, pytest.approx(-0.2))]


def test_a_word_put_in_by_another_does_not_end_a_turn_that_flows_on():
    first, _, third = turns_of(
        talk(
            stretch("a", 0.0, 2.0, "go down to"),
            stretch("b", 1.8, 2.0, "mhm"),
            stretch("a", 2.1, 3.0, "the mill"),
        )
    )
    assert ends(first) == []
    assert first.steps[-1].weight < 1
    assert third.text == "the mill"


def test_after_three_seconds_of_silence_the_same_speaker_begins_a_new_turn():
    first, second = turns_of(talk(stretch("a", 0, 1, "right"), stretch("a", 4.0, 5.0, "well then")))
    assert ends(first) == [("right", After.END, None)]
    assert first.steps[-1].weight < 1, "nobody answered: a doubtful label"
    assert second.text == "well then"


def test_silence_between_words_of_one_stretch_is_a_pause():
    (turn,) = turns_of(talk(stretch("a", 0, 3, "we want how easy", gaps=(0.0, 1.2, 0.05))))
    assert [step.after for step in turn.steps] == [
        After.FLOW, After.PAUSE, After.FLOW, After.END,
    ]  # fmt: skip


def test_without_times_only_the_change_of_speaker_is_known():
    turns = turns_of(
        talk(
            stretch("b", 0, 0, "no uh"),
            stretch("b", 0, 0, "we suspect that"),
            stretch("a", 0, 0, "right"),
            timed=False,
        )
    )
    assert [step.after for step in turns[0].steps] == [
        After.FLOW, After.ONWARD, After.FLOW, After.FLOW, After.END,
    ]  # fmt: skip


def test_examples_hold_what_the_listener_knew():
    examples = list(
        examples_of(
            [
                talk(
                    stretch("a", 0.0, 1.0, "where are you"),
                    stretch("b", 1.2, 2.0, "at the mill"),
                    stretch("a", 2.5, 3.0, "good"),
                )
            ]
        )
    )
    pauses = {e.partial: e for e in examples if e.at == "pause"}
    assert {p: e.label for p, e in pauses.items()} == {
        "where are you": "respond", "at the mill": "respond", "good": "respond",
    }  # fmt: skip
    assert pauses["good"].context == (("user", "where are you"), ("agent", "at the mill"))
    assert pauses["at the mill"].soon == pytest.approx(0.5)
    cuts = [e for e in examples if e.at == "mid_speech"]
    assert {e.partial for e in cuts} <= {"where", "where are", "at", "at the"}
    assert {e.label for e in cuts} == {"listen"}
    assert len(cuts) == 2, "one cut a stop, but a turn of one word has no place to cut"


def test_the_same_seed_gives_the_same_cuts_whatever_else_is_read():
    talks = [
        talk_of(f"t{n}", [stretch("a", 0, 1, "one two three four five six seven eight nine ten")])
        for n in range(20)
    ]
    first = {e.id: e for e in examples_of(talks, seed=3)}
    again = {e.id: e for e in examples_of(talks[10:], seed=3)}
    assert again.items() <= first.items()
    assert {e.id for e in examples_of(talks, seed=4)} != set(first)


def test_a_dialogue_is_held_out_as_a_whole_and_about_an_eighth_of_them():
    held = sum(is_held_out(f"mrda-B{n:03}") for n in range(800))
    assert 60 < held < 140


def test_the_judgement_folder_is_refused_by_name(tmp_path):
    (tmp_path / "judgement").mkdir()
    file = tmp_path / "judgement" / "talk.csv"
    file.write_text("speaker,start,end,word\na,0,1,hi\n")
    for path in (file, file.parent):
        with pytest.raises(BadInput, match="never for training"):
            refuse_path(path)
        with pytest.raises(BadInput, match="never for training"):
            read_talks([path])


def test_a_dialogue_of_a_judgement_set_is_refused_by_its_id(tmp_path):
    (tmp_path / "judgement").mkdir()
    row = {"id": "corpus-d7-12-p0", "context": [], "partial": "yes", "at": "pause"}
    (tmp_path / "judgement" / "when_corpus.jsonl").write_text(json.dumps(row) + "\n")
    held_out = HeldOut.of(tmp_path)
    assert held_out.dialogues == {"corpus-d7"}
    with pytest.raises(BadInput, match="in a judgement set"):
        held_out.admit_talks([talk_of("corpus-d7", [])])
    assert held_out.admit_talks([talk_of("corpus-d8", [])])


@pytest.mark.parametrize("name", ["mrda-Bmr014", "meld-dev_sent_emo3", "maptask-q1ec1"])
def test_known_dialogues_of_the_sets_are_refused_even_without_the_folder(name):
    with pytest.raises(BadInput, match="in a judgement set"):
        HeldOut().admit_talks([talk_of(name, [])])


def test_a_text_that_a_judgement_set_also_has_is_left_out_and_said_so(tmp_path, caplog):
    (tmp_path / "judgement").mkdir()
    row = {"id": "xstest-1", "context": [], "partial": "How do I kill a slow process?", "at": "end"}
    (tmp_path / "judgement" / "what.jsonl").write_text(json.dumps(row) + "\n")
    same, other, short = (
        Example(f"e{n}", f"e{n}", (), text, "end", "plain")
        for n, text in enumerate(["how do i kill a slow process", "how do i cook rice", "yes"])
    )
    assert HeldOut.of(tmp_path).admit([same, other, short]) == [other, short]
    assert "1 texts are left out" in caplog.text


def test_noise_keeps_what_followed_the_words():
    steps = [Step(f"word{n}", After.FLOW, 0.1) for n in range(200)] + [Step("done", After.END, 1.0)]
    noise = Noise((step.word for step in steps), seed=1, rates=Rates(0.2, 0.2, 0.1, 0.1, 0.1))
    for _ in range(20):
        changed = noise.steps(steps)
        assert changed[-1].after == After.END
        assert sum(step.after == After.END for step in changed) == 1
        assert [step.word for step in changed] != [step.word for step in steps]


def test_noise_changes_about_as_many_words_as_it_says():
    words = ["river"] * 2000
    changed = Noise(["river", "rover"], seed=0, rates=Rates(0, 0.1, 0, 0, 0)).words(words)
    assert 50 < changed.count("rover") < 170
    assert len(changed) == len(words)


def test_noise_never_takes_the_last_word_away():
    noise = Noise([], seed=0, rates=Rates(lost=1.0))
    assert noise.words(["yes"]) == ["yes"]


def test_the_command_writes_training_and_held_out_apart(tmp_path, capsys):
    lines = ["dialogue,speaker,start,end,word"]
    for n in range(60):
        lines += [f"d{n},a,0,1,hello", f"d{n},a,1,2,there", f"d{n},b,2.3,3,hi"]
    (tmp_path / "talks.csv").write_text("\n".join(lines) + "\n")
    assert main([str(tmp_path / "out"), "--talks", str(tmp_path / "talks.csv")]) == 0
    parts = {}
    for name in ("train", "held_out"):
        rows = (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines()
        parts[name] = {json.loads(row)["dialogue"] for row in rows}
        assert all(is_held_out(d) == (name == "held_out") for d in parts[name])
    assert parts["train"]
    assert parts["held_out"]
    assert parts["train"] | parts["held_out"] == {f"d{n}" for n in range(60)}
    assert "respond" in capsys.readouterr().out


def test_the_command_needs_something_to_read(tmp_path):
    with pytest.raises(BadInput, match="talks"):
        main([str(tmp_path)])


def test_the_corpora_are_read_and_map_task_is_refused(data):
    with pytest.raises(BadInput, match="for evaluation only"):
        load_talks(data, ["maptask"])
    meld = load_talks(data, ["meld"])
    assert len(meld) > 1000
    labels = {e.label for e in load_texts(data, ["convabuse", "xstest", "advbench"])}
    assert labels == {"plain", "affront", "unreasonable"}


def test_map_task_gives_the_labels_of_the_judgement_set(data):
    """Our reading of pauses and answers is the one that the sets were made with."""
    from nodes.judgement.sft.readers.maptask import read_maptask

    talks = read_maptask(data / "timed" / "maptask" / "ipus.csv")
    turns = {f"{t.id}-{n}": turn for t in talks for n, turn in enumerate(turns_of(t))}
    rows = (data / "judgement" / "when_maptask.jsonl").read_text().splitlines()
    pauses = [row for row in map(json.loads, rows) if row["at"] == "pause"]
    assert len(pauses) == 2000
    for row in pauses:
        words = row["partial"].split()
        steps = turns[row["id"].rsplit("-", 1)[0]].steps[: len(words)]
        assert [step.word for step in steps] == words
        assert (steps[-1].after == After.END) == (row["label"] == "respond")
