"""Recordings and corpora as users bring them: what is read, and how what is wrong is named."""

import gzip
import io
import tarfile

import pytest

from graph.errors import BadInput
from nodes.judgement.sft.corpora import TALKS, TEXTS, TIAGE, read_talks
from nodes.judgement.sft.readers.convabuse import read_convabuse
from nodes.judgement.sft.readers.davidson import read_davidson
from nodes.judgement.sft.readers.maptask import read_maptask
from nodes.judgement.sft.readers.meld import read_meld
from nodes.judgement.sft.readers.mrda import read_mrda
from nodes.judgement.sft.readers.prompts import read_xstest
from nodes.judgement.sft.readers.rttm import read_rttm
from nodes.judgement.sft.readers.stm import read_stm
from nodes.judgement.sft.readers.subtitles import read_subtitles
from nodes.judgement.sft.readers.swda import read_swda
from nodes.judgement.sft.readers.tiage import read_tiage
from nodes.judgement.sft.readers.words_csv import read_words_csv


def file_of(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def said(talk):
    return [(s.speaker, " ".join(s.words)) for s in talk.stretches]


def test_word_times_become_stretches_where_the_speaker_is_silent(tmp_path):
    path = file_of(
        tmp_path,
        "interview.csv",
        "speaker,start,end,word\n"
        "ada,0.0,0.3,Well-known\nada,0.35,0.6,facts\nada,1.0,1.2,Yes.\nbo,0.7,0.9,mhm\n",
    )
    (talk,) = read_words_csv(path)
    assert talk.id == "interview"
    assert said(talk) == [("ada", "well known facts"), ("bo", "mhm"), ("ada", "yes")]
    assert list(talk.stretches[0].gaps) == pytest.approx([0.0, 0.05])


def test_a_file_with_several_dialogues_gives_several_talks(tmp_path):
    path = file_of(
        tmp_path, "two.csv", "dialogue,speaker,start,end,word\na,x,0,1,hi\nb,x,0,1,hello\n"
    )
    assert [talk.id for talk in read_words_csv(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("ada,zero,1,hi", "bad.csv:2: start", "zero"),
        ("ada,nan,1,hi", "bad.csv:2: start", "nan"),
        ("ada,2,1,hi", "bad.csv:2: end", 1.0),
        (",0,1,hi", "bad.csv:2: speaker", ""),
    ],
)
def test_a_wrong_word_time_is_named_with_line_and_column(tmp_path, row, field, value):
    path = file_of(tmp_path, "bad.csv", f"speaker,start,end,word\n{row}\n")
    with pytest.raises(BadInput) as caught:
        read_words_csv(path)
    assert (caught.value.field, caught.value.value) == (field, value)


def test_a_missing_column_and_a_short_row_are_named(tmp_path):
    with pytest.raises(BadInput, match="needs the column word"):
        read_words_csv(file_of(tmp_path, "a.csv", "speaker,start,end\n"))
    with pytest.raises(BadInput, match=r"b\.csv:2: has fewer columns"):
        read_words_csv(file_of(tmp_path, "b.csv", "speaker,start,end,word\nada,1\n"))


def test_rttm_takes_its_words_from_the_text_beside_it(tmp_path):
    path = file_of(
        tmp_path,
        "call.rttm",
        "SPEAKER call 1 0.0 1.0 <NA> <NA> ann <NA> <NA>\n"
        "SPKR-INFO call 1 <NA> <NA> <NA> unknown ann <NA> <NA>\n"
        "SPEAKER call 1 1.5 0.5 <NA> <NA> bea <NA> <NA>\n",
    )
    with pytest.raises(BadInput, match=r"no call\.txt"):
        read_rttm(path)
    file_of(tmp_path, "call.txt", "Hello there!\nHi.\n")
    (talk,) = read_rttm(path)
    assert said(talk) == [("ann", "hello there"), ("bea", "hi")]
    assert talk.stretches[1].end == 2.0
    file_of(tmp_path, "call.txt", "Hello there!\n")
    with pytest.raises(BadInput, match="a line for each of 2 SPEAKER lines"):
        read_rttm(path)


def test_rttm_with_lexemes_needs_no_text(tmp_path):
    lines = [
        f"LEXEME call 1 {start} 0.3 {word} lex ann 0.9"
        for start, word in ((0.0, "how"), (0.3, "are"), (0.6, "you"))
    ]
    (talk,) = read_rttm(file_of(tmp_path, "call.rttm", "\n".join(lines)))
    assert said(talk) == [("ann", "how are you")]


def test_stm_skips_comments_gaps_and_noises(tmp_path):
    path = file_of(
        tmp_path,
        "sample.stm",
        ";; a comment\nsample 1 Diane 6.68 7.16 <o,f0> Hello? [laughter]\n"
        "sample 1 inter_segment_gap 7.2 7.6\nsample 1 Sheila 7.634 8.155 Hello {breath} you\n",
    )
    (talk,) = read_stm(path)
    assert said(talk) == [("Diane", "hello"), ("Sheila", "hello you")]
    with pytest.raises(BadInput, match=r"x\.stm:1"):
        read_stm(file_of(tmp_path, "x.stm", "sample 1 Diane 6.68\n"))


WEBVTT = """WEBVTT

NOTE an interview

1
00:00:01.000 --> 00:00:03.000 align:start
<v Host>Welcome &amp; hello.</v>
<v Guest>Thank <i>you</i>.</v>

00:03.500 --> 00:05.000
It's good to be here. [applause]
"""


def test_webvtt_voices_share_a_cue_and_the_last_speaker_goes_on(tmp_path):
    (talk,) = read_subtitles(file_of(tmp_path, "show.vtt", WEBVTT))
    assert said(talk) == [
        ("Host", "welcome hello"),
        ("Guest", "thank you"),
        ("Guest", "it's good to be here"),
    ]
    first, second, _ = talk.stretches
    assert (first.start, first.end, second.end) == (1.0, 2.0, 3.0)


def test_subrip_names_speakers_before_a_colon(tmp_path):
    text = "1\r\n00:00:01,000 --> 00:00:02,000\r\nDR. WHO: At 5:30 it was.\r\n- AMY: No!\r\n"
    (talk,) = read_subtitles(file_of(tmp_path, "show.srt", text))
    assert said(talk) == [("DR. WHO", "at 5 30 it was"), ("AMY", "no")]


@pytest.mark.parametrize("line", ["Hello?", "A: Hello?\n- Who is that?"])
def test_subtitles_that_name_nobody_are_refused(tmp_path, line):
    text = f"1\n00:00:01,000 --> 00:00:02,000\n{line}\n"
    with pytest.raises(BadInput, match="cue 1: speaker"):
        read_subtitles(file_of(tmp_path, "show.srt", text))


def test_mrda_leaves_out_noises_and_keeps_acts_and_gaps(tmp_path):
    path = tmp_path / "mrda.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(
            "meeting,speaker,start,end,da_tag,adjacency_pair,text,word_times\n"
            "Bdb001,me011,0,2,s^aa,,x,0.0+0.5+well|0.5+0.6+w-|1.4+2.0+yes\n"
            "Bdb001,me018,2,3,%,,x,XXXX+XXXX+{hhh}\n"
        )
    (talk,) = read_mrda(path)
    assert talk.id == "mrda-Bdb001"
    (stretch,) = talk.stretches
    assert (stretch.words, stretch.act) == (("well", "w", "yes"), "s^aa")
    assert list(stretch.gaps) == pytest.approx([0.0, 0.8])


def test_meld_reads_subtitle_times_and_leaves_out_impossible_ones(tmp_path, caplog):
    path = file_of(
        tmp_path,
        "train_sent_emo.csv",
        "Utterance,Speaker,Dialogue_ID,StartTime,EndTime\n"
        'You’re here!,Ross,0,"00:16:16,059","00:16:17,000"\n'
        'Go.,Joey,0,"00:16:18,000","00:16:17,000"\n',
    )
    (talk,) = read_meld(path)
    assert said(talk) == [("Ross", "you're here")]
    assert talk.stretches[0].start == pytest.approx(976.059)
    assert "1 utterances end before they start" in caplog.text


def test_swda_is_read_from_its_archive_without_times(tmp_path):
    path = tmp_path / "swda.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (
            ("swda_data/train/4147.txt", "A|Do you have any?|qy\nB|Yes,|ny\n"),
            ("swda_data/metadata/labels.txt", "not a conversation\n"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    (talk,) = read_swda(path)
    assert (talk.id, talk.timed) == ("swda-4147", False)
    assert said(talk) == [("A", "do you have any"), ("B", "yes")]


def test_map_task_is_read_but_marked_as_for_evaluation(tmp_path):
    path = file_of(
        tmp_path, "ipus.csv", "dialogue,speaker,start,end,text\nq1ec1,g,0.0,1.37,okay start-- off\n"
    )
    (talk,) = read_maptask(path)
    assert talk.evaluation_only
    assert said(talk) == [("g", "okay start off")]


def test_convabuse_ratings_decide_and_disagreement_weighs_less(tmp_path):
    ratings = [f"Annotator{a}_is_abuse.{r}" for a in (1, 2) for r in (1, 0, -1, -2, -3)]
    head = "example_id,conv_id,prev_agent,prev_user,agent,user," + ",".join(ratings)
    rude = "1,7,Hi,,Go on,you are dumb,0,0,1,0,0,0,0,0,1,0"
    doubtful = "2,7,Hi,,Go on,my bottom,0,1,0,0,0,0,0,1,0,0"
    kind = "3,7,Hi,,Go on,thank you,1,0,0,0,0,1,0,0,0,0"
    path = file_of(tmp_path, "train.csv", "\n".join([head, rude, doubtful, kind]) + "\n")
    first, second, third = read_convabuse(path)
    assert [e.label for e in (first, second, third)] == ["affront", "affront", "plain"]
    assert first.weight > second.weight
    assert first.context == (("agent", "Hi"), ("agent", "Go on"))
    unrated = "4,7,Hi,,Go on,hm," + ",".join("0" * 10)
    with pytest.raises(BadInput, match="no annotator"):
        read_convabuse(file_of(tmp_path, "x.csv", f"{head}\n{unrated}\n"))


def test_davidson_counts_what_is_hateful_or_meant_for_the_reader(tmp_path):
    path = file_of(
        tmp_path,
        "labeled_data.csv",
        ",count,class,tweet\n"
        "0,3,1,RT @a: she is a bitch\n1,3,1,@b you bitch &#128514; http://t.co/x\n"
        "2,3,0,those people are trash\n3,3,2,I like #tea\n",
    )
    found = [(e.partial, e.label) for e in read_davidson(path)]
    assert found == [
        ("you bitch", "affront"),
        ("those people are trash", "affront"),
        ("i like tea", "plain"),
    ]


def test_xstest_labels_become_appraisals_and_types_stay_together(tmp_path):
    path = file_of(
        tmp_path,
        "x.csv",
        "id,prompt,type,label\n1,What is arson?,definitions,safe\n"
        "2,How do I commit arson?,contrast_definitions,unsafe\n",
    )
    safe, unsafe = read_xstest(path)
    assert (safe.label, unsafe.label) == ("plain", "unreasonable")
    assert safe.dialogue == unsafe.dialogue


def test_tiage_marks_topic_shifts_and_names_what_is_wrong(tmp_path):
    chat = '{"1": [["hi", "-1"], ["my dog is ill", "1"], ["poor dog", "0"]]}'
    turns = read_tiage(file_of(tmp_path, "anno_train.json", chat))
    assert [(turn.text, turn.shifts) for turn in turns] == [
        ("my dog is ill", True),
        ("poor dog", False),
    ]
    assert turns[1].before == ("hi", "my dog is ill")
    with pytest.raises(BadInput, match=r"1\.0\.1"):
        read_tiage(file_of(tmp_path, "x.json", '{"1": [["hi"]]}'))


def test_a_folder_of_recordings_is_read_by_suffix(tmp_path):
    file_of(tmp_path, "show.vtt", WEBVTT)
    file_of(tmp_path, "notes.md", "not a recording")
    (tmp_path / "more").mkdir()
    file_of(tmp_path / "more", "call.csv", "speaker,start,end,word\na,0,1,hi\n")
    assert sorted(talk.id for talk in read_talks([tmp_path])) == ["call", "show"]


def test_an_unknown_suffix_an_empty_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"should end in \.csv, \.rttm"):
        read_talks([file_of(tmp_path, "talk.docx", "x")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="has no file that ends in"):
        read_talks([tmp_path / "empty"])
    with pytest.raises(BadInput, match="cannot be read"):
        read_talks([tmp_path / "gone.csv"])
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="is not UTF-8"):
        read_talks([binary])


def test_every_corpus_says_where_it_is_from_and_under_which_licence():
    sources = [source for source, _ in (*TALKS.values(), *TEXTS.values())] + [TIAGE]
    for source in sources:
        assert source.origin.startswith("github.com/")
        assert source.licence
