import logging
import re
from string import Formatter

import numpy as np
import pytest

from graph.state import (
    Act,
    Appraisal,
    Config,
    Dialogue,
    Fact,
    Judgement,
    Message,
    Recollection,
    Utterance,
)
from memory.embedder import MiniLm
from nodes.catalogue import Catalogue
from nodes.lines import OwnLines, filled
from nodes.meaning import Embedder, Meanings, SharedWords, sentences
from nodes.persona import Kind

PERSONAS = Catalogue()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return MiniLm()


@pytest.fixture(scope="module")
def by_vectors(embedder: Embedder) -> OwnLines:
    return OwnLines(embedder)


@pytest.fixture(scope="module")
def by_words() -> OwnLines:
    return OwnLines()


@pytest.fixture(params=["by_vectors", "by_words"])
def lines(request: pytest.FixtureRequest) -> OwnLines:
    found: OwnLines = request.getfixturevalue(request.param)
    return found


def user(turn: str, text: str) -> Message:
    return {"id": turn, "role": "user", "content": text}


def agent(text: str) -> Message:
    return {"id": f"u-{text}", "role": "assistant", "content": text}


async def answer(
    lines: OwnLines,
    text: str,
    *,
    who: str = "ada",
    act: Act = "reply",
    appraisal: Appraisal = "plain",
    before: tuple[Message, ...] = (),
    facts: tuple[str, ...] = (),
    turn: str = "t9",
    language: str = "en",
) -> str:
    dialogue = Dialogue(
        session="s1",
        messages=[*before, user(turn, text)],
        judgement=Judgement(act, 1.0, "", appraisal=appraisal, turn=turn),
        config=Config(persona=who, language=language),
    )
    utterance = Utterance("u9", act, turn=turn, text_judged=text, guidance="Answer.")
    recollection = Recollection(facts=tuple(Fact(text, float(n)) for n, text in enumerate(facts)))
    return await lines.line(PERSONAS.get(who), utterance, dialogue, recollection)


def group(who: str, meaning: str, kind: Kind = "reply") -> tuple[str, ...]:
    return next(g.say for g in PERSONAS.get(who).lines.of(kind) if g.meaning == meaning)


def general(who: str, kind: Kind = "reply", when: Appraisal | None = None) -> tuple[str, ...]:
    return tuple(
        line
        for g in PERSONAS.get(who).lines.of(kind)
        if not g.examples and not g.asked and (g.when == (when,) if when else not g.when)
        for line in g.say
    )


def matches(said: str, line: str) -> bool:
    """Whether a line was said, whatever filled its slots."""
    parts = (re.escape(text) + (".+" if slot else "") for text, slot, *_ in Formatter().parse(line))
    return re.fullmatch("".join(parts), said) is not None


@pytest.mark.parametrize("who", ["ada", "max", "vera"])
@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("hello there", "hello"),
        ("how are you doing", "how_are_you"),
        ("What's your name?", "who_are_you"),
        ("so are you a robot", "are_you_real"),
        ("ok great, thank you", "thanks"),
        ("i have to go now, bye", "goodbye"),
        ("my boss is being difficult", "work"),
        ("my daughter started school today", "family"),
        ("we got a puppy", "pet"),
        ("i play the guitar", "hobby"),
        ("i have a terrible headache", "health"),
        ("i feel so sad", "feeling_bad"),
        ("i got good news, i'm so happy", "feeling_good"),
        ("my grandmother died", "loss"),
        ("what is the capital of Spain?", "needs_a_model"),
        ("i'm so bored", "bored"),
        ("you are so nice", "compliment"),
        ("sorry, i didn't mean it", "sorry"),
        ("hello? are you still there?", "are_you_there"),
        ("let me think", "let_me_think"),
    ],
)
async def test_what_the_user_means_decides_what_is_said(lines, who, text, meaning):
    assert await answer(lines, text, who=who) in group(who, meaning)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("my puppy keeps me awake at night", "pet"),
        ("i was laid off last month", "work"),
        ("we buried my uncle on monday", "loss"),
        ("my knee is killing me", "health"),
        ("is this an actual person i'm speaking to", "are_you_real"),
        ("could you say that one more time", "say_again"),
    ],
)
async def test_other_words_of_the_same_meaning_are_understood(by_vectors, text, meaning):
    said = await answer(by_vectors, text, before=(agent("Good evening."),))
    expected = [line.replace("{last}", "Good evening.") for line in group("ada", meaning)]
    assert said in expected


async def test_words_that_mean_nothing_known_get_a_general_line(lines):
    text = "the carpet in the hall is green"
    assert await answer(lines, text) in general("ada")
    assert await answer(lines, "") in general("ada")


async def test_an_unknown_question_is_not_met_like_a_statement(lines):
    asked = await answer(lines, "why does the third valve need to be shut?")
    assert asked not in general("ada")


async def test_the_last_sentence_decides_where_there_are_several(by_vectors):
    text = "So the carpet in the hall is green and the walls are white. How are you?"
    assert await answer(by_vectors, text) in group("ada", "how_are_you")


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("What is my dog's name?", "My dog is called Bruno."),
        ("what's my name", "My name is Anna."),
        ("do you remember where i live", "I live in a small house in Leeds."),
        ("what do i do for a living", "I work as a nurse."),
    ],
)
async def test_a_question_about_the_user_is_answered_in_their_own_words(by_vectors, question, fact):
    others = ("I like tea.", "It rained in May.", "My sister plays chess.")
    said = await answer(by_vectors, question, facts=(*others, fact))
    assert said.endswith(fact)
    assert said != fact


async def test_a_shared_word_finds_the_fact_where_there_is_no_embedder(by_words):
    facts = ("My sister plays chess.", "My dog is called Bruno.")
    assert (await answer(by_words, "What is my dog's name?", facts=facts)).endswith(facts[1])


async def test_what_was_said_minutes_ago_is_known_before_memory_has_it(lines):
    before = (user("t1", "I have a dog, my dog is called Bruno"), agent("How nice."))
    said = await answer(lines, "what is my dog's name", before=before)
    assert said.endswith("I have a dog, my dog is called Bruno.")


async def test_a_question_nothing_answers_is_admitted(lines):
    said = await answer(lines, "what is my dog's name", facts=("I like tea with milk.",))
    assert said in group("ada", "about_me")
    assert "{fact}" not in said
    assert "tea" not in said


async def test_a_remembered_question_is_no_answer_to_itself(lines):
    question = "What is my dog's name?"
    before = (user("t1", question), agent("I don't know that yet, but I'd like to."))
    said = await answer(lines, question, facts=(question,), before=before)
    assert "dog" not in said


async def test_braces_in_what_the_user_said_are_only_characters(lines):
    fact = "My dog is called {name} or {0.__class__}."
    assert (await answer(lines, "what is my dog's name", facts=(fact,))).endswith(fact)


async def test_the_user_is_called_by_the_name_they_gave(lines):
    heard = {await answer(lines, "my name is robin", turn=f"t{n}") for n in range(12)}
    assert any("Robin" in line for line in heard)
    assert not any("{name}" in line for line in heard)


async def test_repeat_that_repeats_what_was_heard(lines):
    before = (user("t1", "hi"), agent("Hello. How are you today?"))
    said = await answer(lines, "can you repeat that please", before=before)
    assert said.endswith("Hello. How are you today?")


async def test_an_opinion_is_stated_once_and_then_thrown_back(lines):
    question = "what do you think about working from home"
    stance = PERSONAS.get("max").opinions[0].stance
    first = await answer(lines, question, who="max")
    assert stance in first
    again = await answer(lines, question, who="max", before=(agent(first),))
    assert stance not in again
    assert again in group("max", "your_opinion")


async def test_an_agent_that_cuts_in_on_its_topic_says_where_it_stands(lines):
    text = "honestly i think that working from home is the best thing that"
    said = await answer(lines, text, who="max", act="interrupt", appraisal="conflict")
    assert PERSONAS.get("max").opinions[0].stance in said


@pytest.mark.parametrize("who", ["ada", "max", "vera"])
@pytest.mark.parametrize("appraisal", ["agreement", "conflict"])
async def test_who_agrees_or_contradicts_hears_where_the_agent_stands(lines, who, appraisal):
    for opinion in PERSONAS.get(who).opinions:
        text = f"well i must say that {opinion.words[0]} is not what it used to be"
        first = await answer(lines, text, who=who, appraisal=appraisal)
        assert opinion.stance in first
        again = await answer(lines, text, who=who, appraisal=appraisal, before=(agent(first),))
        assert opinion.stance not in again


@pytest.mark.parametrize(
    ("act", "kind", "appraisal"),
    [
        ("reply", "reply", "affront"),
        ("refuse", "refuse", "unreasonable"),
        ("refuse", "refuse", "affront"),
        ("deflect", "deflect", "boring"),
        ("interrupt", "go_on", "affront"),
        ("interrupt", "go_on", "boring"),
    ],
)
async def test_each_act_has_words_that_fit_the_appraisal(lines, act, kind, appraisal):
    text = "and then the green carpet in the hall was put back"
    for who in ("ada", "max", "vera"):
        said = await answer(lines, text, who=who, act=act, appraisal=appraisal)
        assert said in general(who, kind, appraisal)


async def test_an_appraisal_of_another_turn_changes_nothing(lines):
    text = "the carpet in the hall is green"
    dialogue = Dialogue(
        messages=[user("t2", text)],
        judgement=Judgement("reply", 1.0, "", appraisal="affront", turn="t1"),
    )
    utterance = Utterance("u2", "reply", turn="t2", text_judged=text, guidance="Answer.")
    said = await lines.line(PERSONAS.get("ada"), utterance, dialogue, Recollection())
    assert said in general("ada")


@pytest.mark.parametrize(
    "text", ["help, my father can't breathe and he is turning blue", "i want to kill myself"]
)
async def test_danger_is_met_with_the_emergency_number_by_everybody(lines, text):
    for who in ("ada", "max", "vera"):
        assert "112" in await answer(lines, text, who=who)


async def test_twenty_thanks_get_no_line_twice_before_all_were_said(lines):
    heard: list[Message] = []
    count = len(group("ada", "thanks"))
    for turn in range(count):
        heard.append(agent(await answer(lines, "thank you", before=tuple(heard), turn=f"t{turn}")))
    assert len({message["content"] for message in heard}) == count
    assert await answer(lines, "thank you", before=tuple(heard)) == heard[0]["content"]


async def test_the_same_turn_gets_the_same_line(lines):
    assert await answer(lines, "hello") == await answer(lines, "hello")


async def test_an_agent_that_is_asked_to_begin_greets(lines):
    utterance = Utterance("u1", "reply", guidance="Begin.")
    said = await lines.line(PERSONAS.get("max"), utterance, Dialogue(), Recollection())
    assert said in general("max", "greeting")


async def test_a_language_that_the_lines_are_not_in_is_said_once(caplog):
    lines = OwnLines()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await answer(lines, "hello", language="zh-CN")
        await answer(lines, "hello", language="en-GB")
    assert [record.message for record in caplog.records] == [
        "no model is set, and the lines of Ada are in en only: it will not speak 'zh-CN'"
    ]


async def test_examples_are_embedded_once_for_a_persona(embedder):
    class Counting:
        texts = 0

        def embed(self, texts):
            self.texts += len(texts)
            return embedder.embed(texts)

    counting = Counting()
    lines = OwnLines(counting)
    await lines.warm(PERSONAS.get("ada"))
    warmed = counting.texts
    assert warmed > 300
    await answer(lines, "hello")
    await answer(lines, "thank you")
    assert counting.texts == warmed + 2


def test_lines_that_know_something_come_before_those_that_do_not():
    lines = ["Who?", "{name}, hello.", "You said: {fact}"]
    assert filled(lines, {}) == ["Who?"]
    assert filled(lines, {"name": "Ann"}) == ["Who?", "Ann, hello."]
    assert filled(lines, {"name": "Ann", "fact": "I sing."}) == ["You said: I sing."]


def test_shared_words_measure_how_much_two_texts_say_the_same():
    texts = ["I have a dog", "I have a cat", "it is raining"]
    vectors = SharedWords(texts)
    rows = vectors.embed([*texts, "a dog", "the quark", ""])
    assert np.allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 1, 1, 0])
    assert rows[3] @ rows[0] > rows[3] @ rows[1] > rows[3] @ rows[2]
    assert rows[4] @ rows[2] == 0


def test_a_question_is_nearer_to_a_question_than_to_its_answer(embedder):
    meanings = Meanings([["my dog is called Rex"], ["what is my cat called"]], embedder)
    near = meanings.nearest("what is my dog called", [0, 1])
    assert near is not None
    assert near.index == 1
    assert meanings.nearest("what is my dog called", []) is None
    assert meanings.nearest("...", [0, 1]) is None


def test_sentences_are_told_apart_by_their_marks():
    assert sentences("I sing. You? 好。再见！ ...") == ["I sing.", "You?", "好。", "再见！"]


async def test_most_everyday_utterances_never_seen_before_are_understood(by_vectors):
    held_out = {
        "hello": "hiya|good morning to you",
        "how_are_you": "how are you tonight|how is your evening going",
        "who_are_you": "what kind of thing are you|who's speaking",
        "thanks": "thank you that helped|thanks so much",
        "goodbye": "i have to hang up now|bye for now|see you tomorrow",
        "my_name": "my name is oliver|they call me frank",
        "about_me": "what is my sister's name|where did i say i work|how old is my son",
        "work": "work was exhausting today|i got fired|my company is being sold",
        "family": "my daughter is getting married|my son moved out",
        "pet": "i have a cat called luna|we bought a hamster",
        "hobby": "i like dancing|i take photographs",
        "weather": "it rained the whole weekend|the sun came out at last",
        "health": "i have a fever|my tooth hurts",
        "feeling_good": "i'm feeling much better|i'm over the moon",
        "feeling_bad": "i'm worried sick about money|i feel like a failure",
        "loss": "my grandfather passed away yesterday|we buried her last week",
        "needs_a_model": "who invented the telephone|how far is it to berlin|what year is it",
        "insult": "i can't stand you|you're completely useless",
        "bored": "i'm getting bored|let's change the topic",
    }
    answers = [
        (await answer(by_vectors, text), group("ada", meaning))
        for meaning, texts in held_out.items()
        for text in texts.split("|")
    ]
    right = sum(any(matches(said, line) for line in lines) for said, lines in answers)
    assert right >= 0.8 * len(answers)
