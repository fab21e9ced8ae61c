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
affronts_to_block: 2
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


@pytest.fixture(params=sorted(path.stem for path in OURS.glob("*.yaml")))
def persona(request: pytest.FixtureRequest, catalogue: Catalogue) -> Persona:
    return catalogue.get(request.param)


def said(*texts: str) -> list[Message]:
    return [{"id": f"u{n}", "role": "assistant", "content": t} for n, t in enumerate(texts)]


def test_a_persona_file_is_read_in_full(tmp_path):
    kit = load_persona(written(tmp_path, SMALL))
    assert (kit.name, kit.block_minutes, kit.affronts_to_block) == ("Kit", 2.5, 2)
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
        ("affronts_to_block: 2", "affronts_to_block: 0", 9, "affronts_to_block", "'0'"),
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
    with pytest.raises(BadInput, match=r"no such persona; there are ada, max, vera \(got 'eve'\)"):
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
    assert catalogue.names == ("ada", "eve", "max", "vera")
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


@pytest.mark.parametrize(
    ("kind", "appraisals"),
    [
        ("reply", ["affront", "agreement", "conflict", "boring"]),
        ("refuse", ["affront", "unreasonable"]),
        ("deflect", ["affront", "unreasonable", "boring", "conflict"]),
        ("interrupt", ["affront", "unreasonable", "boring", "agreement", "conflict"]),
        ("go_on", ["affront", "unreasonable", "boring", "agreement", "conflict"]),
        ("block", ["affront"]),
    ],
)
def test_every_act_has_lines_for_what_can_bring_it_about(persona, kind, appraisals):
    for appraisal in appraisals:
        fits = [g for g in persona.lines.of(kind) if appraisal in g.when and not g.examples]
        assert sum(len(group.say) for group in fits) >= 3, appraisal
        assert any(persona.line(kind, [], "t1", appraisal) in group.say for group in fits)


@pytest.mark.parametrize("kind", ["reply", "go_on"])
def test_everybody_says_where_they_stand_to_who_agrees_and_who_does_not(persona, kind):
    for appraisal in ("agreement", "conflict"):
        (group,) = [g for g in persona.lines.of(kind) if g.examples and appraisal in g.when]
        stated = [line for line in group.say if slots(line) == {"opinion"}]
        assert len(stated) >= 3
        assert set(group.say) - set(stated), "a line for a stance that was stated already"


def test_openings_are_short_since_the_user_is_still_speaking(persona):
    for group in persona.lines.interrupt:
        for line in group.say:
            assert len(line.split()) <= 7, line


def test_everybody_says_their_name_when_they_greet(persona):
    assert all(persona.name in line for group in persona.lines.greeting for line in group.say) or (
        persona.name == "Max"
    )


def test_opinions_can_be_spoken_and_touch_different_things(persona):
    assert len(persona.opinions) >= 5
    cues = [word.lower() for opinion in persona.opinions for word in opinion.words]
    assert len(cues) == len(set(cues))
    for opinion in persona.opinions:
        assert len(opinion.stance.split()) <= 22, opinion.stance
        assert opinion.stance.endswith(".")
        assert opinion.touched_by(f"well {opinion.words[0]} I think")


def test_nobody_speaks_with_the_lines_of_another(catalogue):
    spoken = {
        name: {line for kind in fields(Lines) for g in one.lines.of(kind.name) for line in g.say}
        for name, one in ((name, catalogue.get(name)) for name in catalogue.names)
    }
    for name, lines in spoken.items():
        others = set().union(*(said for who, said in spoken.items() if who != name))
        assert len({line for line in lines & others if not slots(line)}) <= 0.02 * len(lines), name


def test_personas_behave_differently(catalogue):
    ada, max_, vera = (catalogue.get(name) for name in ("ada", "max", "vera"))
    assert ada.eagerness < vera.eagerness < max_.eagerness
    assert vera.patience.start < max_.patience.start < ada.patience.start
    assert vera.affronts_to_block < max_.affronts_to_block < ada.affronts_to_block


@pytest.mark.parametrize(
    ("gap", "field", "says"),
    [
        ("{shortest: 0.1}", None, ""),
        ("{shortest: 0.3, longest: 0.2}", "gap", "at least the shortest, 0.3 s"),
        ("{longest: 3}", "gap.longest", "less than or equal to 2"),
        ("{longst: 0.3}", "gap.longst", "Unexpected"),
    ],
)
def test_the_gap_is_a_range_of_seconds(tmp_path, gap, field, says):
    file = written(tmp_path, SMALL.replace("block_minutes", f"gap: {gap}\nblock_minutes"))
    if field is None:
        assert load_persona(file).gap.longest == 0.5
        return
    with pytest.raises(BadInput, match=says) as error:
        load_persona(file)
    assert str(error.value).startswith(f"{file}:8: {field}: ")


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
    assert {"ada", "max", "vera"} <= set(catalogue.names)


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
