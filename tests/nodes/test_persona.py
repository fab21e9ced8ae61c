from dataclasses import fields
from pathlib import Path

import pytest

from graph.errors import BadInput
from graph.state import Message
from nodes.catalogue import OURS, Catalogue, load_persona
from nodes.persona import Lines, Persona, choose, meanings, slots

SMALL = """\
name: Kit
languages: [en]
about: You are Kit.
patience:
  start: 0.5
  recovers_per_minute: 0.1
eagerness: 0.3
block_minutes: 2.5
affronts_before_block: 2
opinions:
  - topic: tea
    stance: Tea is better than coffee.
    words: [tea, cup of tea]
lines:
  greeting: [{say: [Hello.]}]
  reply:
    - meaning: thanks
      say: [Welcome.]
    - to: [yes, no]
      say: ["Fine, {name}."]
    - say: [Go on., I see.]
  refuse: [{say: [No.]}]
  deflect: [{say: [Later.]}]
  interrupt:
    - when: [affront]
      say: [Stop.]
    - say: [Sorry.]
  go_on: [{say: [What is it?]}]
  block: [{say: [Goodbye.]}]
  trouble: [{say: [Pardon me.]}]
"""


def written(folder: Path, text: str, name: str = "kit") -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue()


@pytest.fixture(params=["ada", "max"])
def persona(request: pytest.FixtureRequest, catalogue: Catalogue) -> Persona:
    return catalogue.get(request.param)


def said(*texts: str) -> list[Message]:
    return [{"id": f"u{n}", "role": "assistant", "content": t} for n, t in enumerate(texts)]


def test_a_persona_file_is_read_in_full(tmp_path):
    kit = load_persona(written(tmp_path, SMALL))
    assert (kit.name, kit.block_minutes, kit.affronts_before_block) == ("Kit", 2.5, 2)
    assert (kit.patience.start, kit.patience.recovers_per_minute, kit.eagerness) == (0.5, 0.1, 0.3)
    assert kit.opinions[0].words == ("tea", "cup of tea")
    assert kit.lines.reply[0].examples == meanings()["thanks"]
    assert kit.lines.interrupt[0].when == ("affront",)
    assert kit.boundaries == ()


def test_yes_and_no_without_quotes_stay_words(tmp_path):
    kit = load_persona(written(tmp_path, SMALL))
    assert kit.lines.reply[1].examples == ("yes", "no")
    assert all(isinstance(text, str) for texts in meanings().values() for text in texts)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "field", "value"),
    [
        ("eagerness: 0.3", "eagerness: 3", 7, "eagerness", "'3'"),
        ("eagerness: 0.3", "eagerness: a lot", 7, "eagerness", "'a lot'"),
        ("start: 0.5", "start: -0.5", 5, "patience.start", "'-0.5'"),
        ("start: 0.5", "start: nan", 5, "patience.start", "'nan'"),
        ("affronts_before_block: 2", "affronts_before_block: 0", 9, "affronts_before_block", "'0'"),
        ("block_minutes: 2.5", "block_minutes: 0", 8, "block_minutes", "'0'"),
        ("name: Kit", "name: ' '", 1, "name", "' '"),
        ("    words: [tea", "    word: [tea", 13, "opinions.0.word", "['tea', 'cup of tea']"),
        ("    stance: Tea is better than coffee.\n", "", 11, "opinions.0.stance", "'nothing'"),
        ("about: You are Kit.\n", "", 1, "about", "'nothing'"),
        ("[affront]", "[rude]", 25, "lines.interrupt.0.when.0", "'rude'"),
        ("thanks", "thank", 17, "lines.reply.0.meaning", "'thank'"),
        ("Fine, {name}", "Fine, {surname}", 20, "lines.reply.1.say.0", "'Fine, {surname}.'"),
        ("Fine, {name}", "Fine, {name", 20, "lines.reply.1.say.0", "'Fine, {name.'"),
        ("say: [Welcome.]", "say: []", 18, "lines.reply.0.say", "[]"),
        ("  block: [{say: [Goodbye.]}]\n", "", 14, "lines.block", "'nothing'"),
        ("  refuse: [{say: [No.]}]", "  refuse: [No.]", 22, "lines.refuse.0", "'No.'"),
        ("    - say: [Go on., I see.]\n", "", 16, "lines.reply", "[{'meaning'"),
        ("    - say: [Sorry.]", "    - say: ['{name}.']", 24, "lines.interrupt", "[{'when'"),
    ],
)
def test_a_mistake_is_named_with_file_line_field_and_value(
    tmp_path, right, wrong, line, field, value
):
    assert right in SMALL
    file = written(tmp_path, SMALL.replace(right, wrong, 1))
    with pytest.raises(BadInput) as error:
        load_persona(file)
    assert str(error.value).startswith(f"{file}:{line}: {field}: ")
    assert value in str(error.value)


def test_a_key_given_twice_is_a_mistake_and_not_a_silent_loss(tmp_path):
    file = written(tmp_path, SMALL + "  refuse: [{say: [Never.]}]\n")
    with pytest.raises(BadInput, match=r"kit.yaml:31: lines.refuse: is there twice"):
        load_persona(file)


def test_broken_yaml_is_named_with_its_line(tmp_path):
    file = written(tmp_path, SMALL.replace("languages: [en]", "languages: [en"))
    with pytest.raises(BadInput, match=r"kit.yaml:3: YAML: .*about: You are Kit"):
        load_persona(file)


@pytest.mark.parametrize("text", ["", "just words", "- a\n- list"])
def test_a_file_that_is_no_persona_at_all_is_refused(tmp_path, text):
    with pytest.raises(BadInput, match=r"kit.yaml:1: "):
        load_persona(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        load_persona(tmp_path / "nobody.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: Zoë".encode("latin-1"))
    with pytest.raises(BadInput, match="cannot be read"):
        load_persona(tmp_path / "latin.yaml")


def test_an_unknown_name_lists_those_that_there_are(catalogue):
    with pytest.raises(BadInput, match=r"no such persona; there are ada, max \(got 'eve'\)"):
        catalogue.get("eve")


def test_no_name_means_the_default(catalogue):
    assert catalogue.get("") is catalogue.get("ada")
    assert Catalogue(default="max").get("").name == "Max"


def test_a_default_that_is_not_there_shows_at_the_start():
    with pytest.raises(BadInput, match="persona: no such persona"):
        Catalogue(default="eve")


def test_a_file_of_the_same_name_hides_ours_and_a_new_one_joins(tmp_path):
    written(tmp_path, SMALL, "ada")
    written(tmp_path, SMALL.replace("Kit", "Eve"), "eve")
    catalogue = Catalogue([tmp_path])
    assert catalogue.names == ("ada", "eve", "max")
    assert catalogue.get("ada").name == "Kit"
    assert catalogue.get("eve").name == "Eve"


def test_a_mistake_in_an_extra_folder_shows_at_the_start(tmp_path):
    written(tmp_path, SMALL.replace("0.3", "3"), "eve")
    with pytest.raises(BadInput, match=r"eve.yaml:7: eagerness"):
        Catalogue([tmp_path])
    with pytest.raises(BadInput, match="persona_dirs: no such folder"):
        Catalogue([tmp_path / "missing"])


def test_every_persona_answers_every_meaning(persona):
    answered = {group.meaning for group in persona.lines.reply}
    assert answered >= meanings().keys()


def test_every_kind_has_variants_that_fit_anything(persona):
    for kind in fields(Lines):
        general = [g for g in persona.lines.of(kind.name) if not g.examples and not g.when]
        assert sum(len(group.say) for group in general) >= 5, kind.name


def test_every_act_has_lines_for_an_affront(persona):
    for kind in ("reply", "refuse", "deflect", "interrupt", "go_on", "block"):
        cool = persona.line(kind, [], "t1", "affront")
        assert any(cool in group.say for group in persona.lines.of(kind) if group.when), kind


def test_lines_can_be_spoken_and_none_is_there_twice(persona):
    for kind in fields(Lines):
        lines = [line for group in persona.lines.of(kind.name) for line in group.say]
        assert len(lines) == len(set(lines)), kind.name
        for line in lines:
            assert len(line.split()) <= 22, line
            assert line[-1] in ".?!}", line
            assert not set(line) & set("*#_<>[]()|/\\"), line
            assert line.isascii(), line


def test_ours_are_all_read(catalogue):
    assert catalogue.names == tuple(sorted(path.stem for path in OURS.glob("*.yaml")))
    assert {"ada", "max"} <= set(catalogue.names)


def test_voices_are_named_for_each_engine(persona):
    assert persona.voice("espeak") != persona.voice("openai") != ""
    assert persona.voice("an engine that it does not know") == ""


def test_set_phrases_need_nobody_to_fill_them(persona):
    assert persona.line("interrupt", [], "s/u1", "conflict") in persona.set_phrases
    assert persona.trouble_line([], "s/u1") in persona.set_phrases
    assert not any(slots(phrase) for phrase in persona.set_phrases)


def test_an_opinion_is_touched_by_whole_words_in_any_case(tmp_path):
    tea = load_persona(written(tmp_path, SMALL)).opinions[0]
    assert tea.touched_by("A Cup of Tea?")
    assert not tea.touched_by("What a team.")


def test_the_same_turn_gets_the_same_line_and_other_turns_get_others(persona):
    lines = {persona.line("reply", [], f"s/t{turn}") for turn in range(30)}
    assert persona.line("reply", [], "s/t1") == persona.line("reply", [], "s/t1")
    assert len(lines) >= 5


def test_no_line_comes_again_before_all_have_been_said(persona):
    heard: list[str] = []
    for turn in range(6):
        heard.append(persona.line("trouble", said(*heard), f"t{turn}"))
    assert len(set(heard)) == 6


def test_when_all_have_been_said_the_one_said_longest_ago_comes_again():
    assert choose(["One.", "Two.", "Three."], said("Two.", "Three.", "One."), "x") == "Two."


def test_a_line_that_was_cut_off_counts_as_said():
    lines = ["I would rather talk about you.", "Next."]
    assert {choose(lines, said("I would rather"), str(n)) for n in range(20)} == {"Next."}
    assert len({choose(lines, said("I"), str(n)) for n in range(20)}) == 2


def test_what_the_user_says_does_not_count_as_said_by_the_agent():
    heard: list[Message] = [{"id": "t1", "role": "user", "content": "One."}]
    assert {choose(["One.", "Two."], heard, str(n)) for n in range(20)} == {"One.", "Two."}


def test_a_question_gets_the_lines_for_questions(persona):
    asked = [g.say for g in persona.lines.reply if g.asked]
    assert persona.line("reply", [], "t1", asked=True) in asked[0]
    assert persona.line("reply", [], "t1") not in asked[0]
