"""The contract of a memory, kept by both backends with the embedder and the mem0 that ship."""

import asyncio
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from graph.errors import BadInput
from memory.embedder import MiniLm
from memory.mem0_backend import open_mem0
from memory.protocol import Memory, MemoryUnavailable
from memory.sqlite_backend import open_sqlite
from tests.memory.keeping import DAY, HOUR, NOW, Backend, facts, opened, said, turns


async def test_after_a_restart_the_name_and_the_dogs_name_are_known(
    backend: Backend, tmp_path: Path
):
    async with opened(backend, tmp_path) as memory:
        await memory.remember(
            turns(["hi there", "My name is Tom.", "I have a dog, he is called Biscuit"]), "ann", NOW
        )
    async with opened(backend, tmp_path) as memory:
        assert (await facts(memory, "what's my name?"))[0] == "My name is Tom."
        assert "Biscuit" in (await facts(memory, "do you remember what my dog is called"))[0]


async def test_a_fact_tells_its_turn_its_time_and_how_near_it_is(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        await memory.remember([said("My dog is called Biscuit.", "t7", at=NOW - DAY)], "ann", NOW)
        found = await memory.recall("what is my dog called", "ann", NOW)
    (fact,) = found.facts
    assert (fact.turn, fact.said_at) == ("t7", NOW - DAY)
    assert 0.4 < fact.score <= 1.0
    assert (found.as_of, found.query) == (NOW, "what is my dog called")


async def test_two_users_who_contradict_each_other_never_see_each_others_facts(
    backend: Backend, tmp_path: Path
):
    async with opened(backend, tmp_path) as memory:
        await memory.remember([said("My dog is called Biscuit, I live in Rome.")], "ann", NOW)
        await memory.remember([said("My dog is called Rex, I live in Oslo.")], "bob", NOW)
    async with opened(backend, tmp_path) as memory:
        for user, own in (
            ("ann", "My dog is called Biscuit, I live in Rome."),
            ("bob", "My dog is called Rex, I live in Oslo."),
        ):
            assert await facts(memory, "where do I live with my dog", user) == [own]
            for query in ("Biscuit", "Rex in Oslo", "Biscuit in Rome", "is my dog called Rex?"):
                assert set(await facts(memory, query, user)) <= {own}
        for user in ("ann", "bob"):
            later = await memory.recall("dog", user, NOW + DAY)
            assert ("Rome" in later.summary) == (user == "ann")
            assert ("Oslo" in later.summary) == (user == "bob")


ODD_USERS = [
    "ann", " ann", "ann ", "ann\n", "ANN", "ann*", "*", "%", "_nn", "ann' OR '1'='1", "ann\x00",
    '{"in": ["ann"]}', "user_id=ann", "ann bob", "á", "a\u0301", "用户", "\ud800", "a" * 5000,
]  # fmt: skip


async def test_no_user_id_however_odd_reaches_anothers_facts(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        for number, user in enumerate(ODD_USERS):
            await memory.remember([said(f"My secret number is {number}.")], user, NOW)
        for number, user in enumerate(ODD_USERS):
            found = await facts(memory, "what is my secret number", user)
            assert found == [f"My secret number is {number}."]


async def test_a_turn_sent_again_is_kept_once(backend: Backend, tmp_path: Path):
    story = turns(["My name is Tom.", "My dog is called Biscuit."])
    async with opened(backend, tmp_path) as memory:
        await memory.remember(story, "ann", NOW)
        await memory.remember(story, "ann", NOW)
        await asyncio.gather(*(memory.remember([*story, *story], "ann", NOW) for _ in range(4)))
    async with opened(backend, tmp_path) as memory:
        await memory.remember([*story, said("I play chess.", "t9")], "ann", NOW)
        found = await memory.recall("my name, my dog and chess", "ann", NOW)
        assert sorted(fact.turn for fact in found.facts) == ["t0", "t1", "t9"]


async def test_the_same_turn_id_of_two_users_are_two_turns(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        await memory.remember([said("I love tea.", "t1")], "ann", NOW)
        await memory.remember([said("I love beer.", "t1")], "bob", NOW)
        assert await facts(memory, "what do I love", "bob") == ["I love beer."]


async def test_a_task_cancelled_while_it_remembers_loses_and_doubles_nothing(
    backend: Backend, tmp_path: Path
):
    story = turns([f"Fact number {n} is about the town of {town}." for n, town in enumerate(TOWNS)])
    async with opened(backend, tmp_path) as memory:
        task = asyncio.create_task(memory.remember(story, "ann", NOW))
        while not await facts(memory, "a fact about a town"):
            assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await memory.remember(story, "ann", NOW)
        for number, town in enumerate(TOWNS):
            found = await memory.recall(f"the town of {town}", "ann", NOW)
            assert [fact.turn for fact in found.facts].count(f"t{number}") == 1


TOWNS = ["Rome", "Oslo", "Lima", "Kyoto", "Cairo", "Quito", "Delhi", "Boston"]


async def test_what_the_agent_said_is_no_fact(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        turn = said("I like the sea.", agent="My own dog is called Rex and I live in Oslo.")
        await memory.remember([turn], "ann", NOW)
        assert await facts(memory, "what is the dog called, who lives in Oslo") == []
        assert await facts(memory, "what do I like") == ["I like the sea."]


async def test_fillers_are_not_kept_as_facts(backend: Backend, tmp_path: Path):
    fillers = ["mhm", "Ok.", "uh-huh, right", "yes", "thank you!", "嗯，好的", "", "  "]
    async with opened(backend, tmp_path) as memory:
        await memory.remember(turns(fillers), "ann", NOW)
        for query in fillers:
            assert await facts(memory, query or "anything") == []


async def test_said_twice_comes_up_once_with_the_newer_date(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        old, new = (said("I hate mondays.", t, at=NOW - d) for t, d in (("a", 9 * DAY), ("b", DAY)))
        await memory.remember([old, new], "ann", NOW)
        found = (await memory.recall("what do I hate", "ann", NOW)).facts
        assert [fact.turn for fact in found] == ["b"]


async def test_the_right_fact_comes_first_over_200_others(
    backend: Backend, tmp_path: Path, data: Path
):
    told = {
        "what's my name?": "by the way my name is Thomas",
        "do you remember how my dog is called": "our dog Biscuit turned three this week",
        "am I allergic to anything?": "i can't eat peanuts, i am allergic to them",
        "where does my sister live": "my sister moved to Lisbon last year",
        "what did I break when I fell": "i came off the ladder and broke my left arm",
    }
    chats = json.loads((data / "behaviour" / "tiage" / "anno_train.json").read_text("utf-8"))
    others = [line for chat in chats.values() for line, _ in chat if 5 < len(line.split()) < 16]
    told_words = ("name", "dog", "allerg", "sister", "fell", "broke", "break")
    others = [line for line in others if not any(word in line for word in told_words)]
    story = [*random.Random(7).sample(others, 200), *told.values()]
    random.Random(8).shuffle(story)
    async with opened(backend, tmp_path) as memory:
        await memory.remember(turns(story), "ann", NOW)
        assert {query: (await facts(memory, query))[0] for query in told} == told


async def test_chinese_is_kept_and_found(backend: Backend, tmp_path: Path):
    story = [
        "我叫李明，我在上海工作。", "我养了一只猫，它叫豆豆。", "我对花生过敏。",
        "我妹妹住在成都。", "今天天气真好，我们去了公园。", "昨天晚上我看了一部电影。",
        "我喜欢喝绿茶。", "地铁今天又晚点了。", "周末我想去爬山。",
        "这个菜有点太辣了。", "我的电脑坏了，要修一下。", "孩子们都在学校。",
    ]  # fmt: skip
    async with opened(backend, tmp_path) as memory:
        await memory.remember(turns(story), "ann", NOW)
        assert (await facts(memory, "我的猫叫什么？"))[0] == story[1]
        assert (await facts(memory, "我对什么过敏"))[0] == story[2]
        assert (await facts(memory, "妹妹住在哪里"))[0] == story[3]
        later = await memory.recall("", "ann", NOW + DAY)
        assert "我叫李明" in later.summary


async def test_an_empty_query_brings_no_facts_but_time_and_summary(
    backend: Backend, tmp_path: Path
):
    async with opened(backend, tmp_path) as memory:
        await memory.remember([said("My name is Tom.", at=NOW - DAY)], "ann", NOW - DAY)
        for query in ("", "  \n", "？"):
            found = await memory.recall(query, "ann", NOW)
            assert found.facts == ()
            assert "The session before ended 1 day ago" in found.temporal
            assert "My name is Tom." in found.summary


async def test_a_stranger_brings_nothing_up(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        found = await memory.recall("what is my name", "nobody", NOW)
        assert (found.facts, found.summary) == ((), "")
        assert "There was no session before this one." in found.temporal


async def test_of_a_very_long_turn_beginning_and_end_are_found(backend: Backend, tmp_path: Path):
    filler = "and then we walked on and on along the road and talked about this and that "
    text = "My boat is called Albatross. " + filler * 60 + "In the end I bought a red piano."
    async with opened(backend, tmp_path) as memory:
        await memory.remember([said(text)], "ann", NOW)
        assert "Albatross" in (await facts(memory, "what is my boat called"))[0]
        assert "red piano" in (await facts(memory, "which instrument did I buy"))[0]
        assert max(len(fact.split()) for fact in await facts(memory, "the road")) <= 60


async def test_of_a_very_long_query_the_newest_words_count(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        await memory.remember(turns(["I bought a red piano.", "The weather was bad."]), "ann", NOW)
        query = "the weather and the weather " * 5000 + "well " * 60 + "what about my piano"
        assert (await facts(memory, query))[0] == "I bought a red piano."


async def test_text_that_is_no_valid_unicode_is_kept_all_the_same(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        await memory.remember([said("My dog \ud83d is \x00 Biscuit", "t\udfff")], "ann", NOW)
        assert "Biscuit" in (await facts(memory, "my dog \ud800"))[0]


async def test_recall_gives_as_many_facts_as_asked_for(embedder: MiniLm, tmp_path: Path):
    story = turns([f"My {n}th dog was called {name}." for n, name in enumerate(TOWNS)])
    for number in (0, 1, 3):
        memory = open_sqlite(tmp_path, embedder, facts=number)
        await memory.remember(story, "ann", NOW)
        assert len(await facts(memory, "my dog")) == number
        await memory.close()
    with pytest.raises(BadInput, match=r"memory\.facts: must not be negative \(got -1\)"):
        open_sqlite(tmp_path, embedder, facts=-1)


async def test_the_last_session_is_summed_up_and_the_present_one_is_not(
    backend: Backend, tmp_path: Path
):
    async with opened(backend, tmp_path) as memory:
        await memory.remember(
            [said("My name is Tom and I promised to call my mother.", at=NOW - 2 * DAY)],
            "ann", NOW - 2 * DAY,
        )  # fmt: skip
        assert (await memory.recall("hi", "ann", NOW - 2 * DAY + 60)).summary == ""
    async with opened(backend, tmp_path) as memory:
        expected = "- 2025-06-13, user: My name is Tom and I promised to call my mother."
        assert expected in (await memory.recall("hello again", "ann", NOW)).summary
        await memory.remember([said("I am tired today.", "t2", at=NOW)], "ann", NOW)
        assert (await memory.recall("so", "ann", NOW + 10)).summary == expected
        much_later = await memory.recall("so", "ann", NOW + 30 * DAY)
        assert "Tom" in much_later.summary
        assert "I am tired today." in much_later.summary


async def test_the_two_backends_share_a_folder_and_catch_up_on_each_other(
    embedder: MiniLm, tmp_path: Path
):
    plain = open_sqlite(tmp_path, embedder)
    await plain.remember(turns(["My dog is called Biscuit.", "I live in Rome."]), "ann", NOW)
    await plain.close()
    full = open_mem0(tmp_path, embedder)
    assert await facts(full, "what is my dog called") == []
    await full.remember([said("I play chess.", "t9")], "ann", NOW)
    assert await facts(full, "what is my dog called") == ["My dog is called Biscuit."]
    await full.close()
    plain = open_sqlite(tmp_path, embedder)
    await plain.remember([said("mhm", "t10")], "ann", NOW)
    assert await facts(plain, "which game do I play") == ["I play chess."]
    await plain.close()


async def test_without_an_embedder_shared_words_find_the_fact(tmp_path: Path, caplog):
    memory = open_sqlite(tmp_path, None)
    assert "no embedder" in caplog.text
    await memory.remember(turns(["My dog is called Biscuit.", "I live in Rome."]), "ann", NOW)
    assert await facts(memory, "my dog?") == ["My dog is called Biscuit."]
    assert await facts(memory, "pets") == []
    await memory.close()


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (said("hello", ""), r"turns\[0\]\.turn: must not be empty"),
        (said("hello", at=math.nan), r"turns\[0\]\.at: must be unix seconds \(got nan\)"),
        (said("hello", at=-1.0), r"turns\[0\]\.at: must be unix seconds \(got -1\.0\)"),
        (said("hello", at=NOW * 1000), r"turns\[0\]\.at: must be unix seconds"),
    ],
)
async def test_a_wrong_turn_is_refused_by_name_and_the_others_are_not_half_kept(
    embedder: MiniLm, tmp_path: Path, turn, message
):
    memory = open_sqlite(tmp_path, embedder)
    with pytest.raises(BadInput, match=message):
        await memory.remember([turn, said("My name is Tom.", "t2")], "ann", NOW)
    assert await facts(memory, "my name") == []
    await memory.close()


async def test_wrong_arguments_are_refused_by_name(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        with pytest.raises(BadInput, match="user: must not be empty"):
            await memory.recall("hello", "", NOW)
        with pytest.raises(BadInput, match="user: must not be empty"):
            await memory.remember([said("hello")], "", NOW)
        with pytest.raises(BadInput, match=r"now: must be unix seconds \(got inf\)"):
            await memory.recall("hello", "ann", math.inf)


async def test_a_closed_memory_says_so(backend: Backend, tmp_path: Path):
    memory = backend(tmp_path)
    await memory.close()
    with pytest.raises(MemoryUnavailable, match="closed"):
        await memory.recall("hello", "ann", NOW)


async def test_what_is_being_written_when_it_closes_is_kept(backend: Backend, tmp_path: Path):
    story = turns([f"Fact number {n} is about the town of {town}." for n, town in enumerate(TOWNS)])
    memory = backend(tmp_path)
    writing = asyncio.create_task(memory.remember(story, "ann", NOW))
    while not await facts(memory, "a fact about a town"):
        assert not writing.done()
    await memory.close()
    await writing
    async with opened(backend, tmp_path) as memory:
        assert "Boston" in (await facts(memory, "the town of Boston"))[0]


async def test_a_keeper_is_a_memory(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as keeper:
        memory: Memory = keeper
        await memory.remember([replace(said("I live in Rome."), at=NOW - HOUR)], "ann", NOW)
        assert (await memory.recall("where do I live", "ann", NOW)).facts
