"""What the encoder learns from: pieces, streams of labelled pieces, acts, and the lessons."""

import json
from pathlib import Path

import numpy as np
import pytest

from graph.errors import Unavailable
from memory.embedder import FOLDER as MINILM
from nodes.judgement.estimator import View
from nodes.judgement.pieces import AGENT, CONTEXT_PIECES, TURN_PIECES, USER, Pieces
from nodes.judgement.sft.acts import act_texts
from nodes.judgement.sft.noise import Noise
from nodes.judgement.sft.streams import HEAD, NO_LABEL, Streams
from nodes.judgement.sft.talk import Stretch, talk_of
from nodes.judgement.sft.turns import After
from nodes.judgement.sft.vocabulary import kept_by, pieces_of, prune


def stretch(speaker: str, start: float, end: float, text: str, act: str = "") -> Stretch:
    return Stretch(speaker, start, end, tuple(text.split()), act=act)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    file = tmp_path_factory.mktemp("pieces") / "tokenizer.json"
    texts = [["go", "to", "the", "lighthouse", "don't", "mmhmm"]] * 5
    prune(MINILM / "tokenizer.json", pieces_of(MINILM / "tokenizer.json", texts), file)
    return Pieces(file)


def test_a_pruned_vocabulary_keeps_what_is_common_and_spells_the_rest(tmp_path):
    full = MINILM / "tokenizer.json"
    file = tmp_path / "tokenizer.json"
    prune(full, pieces_of(full, [["lighthouse"]] * 3), file)
    kept = kept_by(full, file)
    vocabulary = json.loads(file.read_text())["model"]["vocab"]
    assert len(kept) == len(vocabulary) < 16_000
    assert kept == sorted(kept), "MiniLM's order stays"
    assert {"the", "lighthouse", "[SEP]", "[UNK]"} < set(vocabulary)
    small = Pieces(file)
    spelled = small.of(["zyzzyva"])
    assert small.unknown not in spelled
    assert len(spelled) > 1


def test_pieces_without_a_file_say_what_is_missing(tmp_path):
    with pytest.raises(Unavailable, match=r"tokenizer\.json is missing"):
        Pieces(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        Pieces(tmp_path / "tokenizer.json")


def test_a_view_is_read_as_its_newest_pieces_with_the_side_of_each(pieces):
    view = View("go to the", (("agent", "Where to?"), ("user", "Wait."), ("agent", "Yes?")))
    read = pieces.newest(view)
    turn = [pieces.turn, *pieces.of(["go", "to", "the"])]
    assert list(read.ids[-len(turn) :]) == turn
    assert set(read.sides[-len(turn) :]) == {USER}
    assert read.sides[-len(turn) - 1] == AGENT
    long = View(" ".join(["go"] * 100), (("agent", " ".join(["the"] * 100)),))
    read = pieces.newest(long)
    assert len(read.ids) == CONTEXT_PIECES + TURN_PIECES
    assert pieces.turn not in read.ids[CONTEXT_PIECES:], "the head of a long turn is out of sight"


def test_case_and_punctuation_make_no_difference(pieces):
    assert pieces.newest(View("Go to the lighthouse!")) == pieces.newest(
        View("go, to the Lighthouse")
    )


def test_every_word_of_a_stream_is_labelled_with_what_followed_it(pieces):
    talk = talk_of(
        "talk-1",
        [
            stretch("a", 0.0, 1.0, "go to"),
            stretch("a", 2.0, 3.0, "the lighthouse"),
            stretch("b", 3.2, 4.0, "go"),
        ],
    )
    (batch,) = Streams([talk], pieces).batches(64, 4, seed=1)
    rows = [row for row in range(len(batch.ids)) if (batch.labels[row] >= 0).sum() == 5]
    row = rows[0]
    labels = batch.labels[row][batch.labels[row] >= 0].tolist()
    assert labels == [After.FLOW, After.PAUSE, After.FLOW, After.END, After.END]
    heads = np.flatnonzero(batch.ids[row] == pieces.turn)
    assert len(heads) == 2
    assert batch.sides[row][heads[0]] != batch.sides[row][heads[1]]
    assert (batch.labels[row][heads] == NO_LABEL).all()


def test_a_window_from_the_middle_is_not_asked_about_its_head(pieces):
    talk = talk_of("talk-1", [stretch("a", 0.0, 99.0, " ".join(["go"] * 200))])
    batches = Streams([talk], pieces).batches(64, 8, seed=3)
    ids = np.concatenate([batch.ids for batch in batches])
    labels = np.concatenate([batch.labels for batch in batches])
    inner = ids[:, 0] != pieces.turn
    assert inner.any()
    assert (labels[inner, :HEAD] == NO_LABEL).all()
    assert (labels[:, HEAD:] >= 0).any()


def test_the_same_seed_gives_the_same_batches(pieces):
    talks = [
        talk_of(f"talk-{n}", [stretch("a", 0, 3, "go to the"), stretch("b", 4, 5, "go")])
        for n in range(20)
    ]

    def once(seed):
        noise = Noise(["go", "to", "the"], seed=0)
        return Streams(talks, pieces).batches(32, 4, seed, noise.steps)

    first, second, other = once(5), once(5), once(6)
    assert all((a.ids == b.ids).all() for a, b in zip(first, second, strict=True))
    assert [a.ids.tolist() for a in first] != [a.ids.tolist() for a in other]


def test_accepting_and_rejecting_acts_are_agreement_and_conflict():
    talk = talk_of(
        "talk-1",
        [
            stretch("a", 0, 1, "it is too cold", "s"),
            stretch("b", 1, 2, "that is true", "s^aa"),
            stretch("a", 2, 3, "no it is not", "s^ar"),
            stretch("b", 3, 4, "yeah", "s^aa"),
        ],
    )
    found = {text.partial: text for text in act_texts([talk], seed=0)}
    assert found["that is true"].label == "agreement"
    assert found["that is true"].context == (("agent", "it is too cold"),)
    assert found["no it is not"].label == "conflict"
    assert "yeah" not in found, "one word may only show that one listens"


@pytest.mark.train
@pytest.mark.timeout(600)
def test_a_small_training_ends_in_files_that_the_encoder_loads(tmp_path, capsys):
    pytest.importorskip("torch", reason="needs torch: `make test-train` runs it in .venv-train")
    from nodes.judgement.network import APPRAISALS, Network
    from nodes.judgement.sft.train import main

    talk = tmp_path / "talk.stm"
    lines = [
        f"call 1 {'ab'[n % 2]} {2 * n}.0 {2 * n + 1}.5 please go to the lighthouse and then stop"
        for n in range(40)
    ]
    talk.write_text("\n".join(lines) + "\n")
    out = tmp_path / "encoder"
    given = [str(out), "--talks", str(talk), "--corpora", "--epochs", "1", "--text-epochs", "1"]
    given += ["--written", "1", "--threads", "1"]
    assert main(given) == 0
    assert "turns.onnx" in capsys.readouterr().out
    network = Network(out)
    read = network.pieces.newest(View("please go to the lighthouse", (("agent", "where"),)))
    assert sum(network.after(read)) == pytest.approx(1, abs=0.01)
    assert set(network.appraisals((), network.pieces.of(["you", "idiot"]))) == set(APPRAISALS)
    stages = {file.name for file in Path(out / "stages").iterdir()}
    assert stages == {"turns.pt", "appraiser.pt"}
    before = (out / "turns.onnx").read_bytes()
    assert main(given) == 0
    assert (out / "turns.onnx").read_bytes() == before, "what is trained is not trained again"
