"""What waits for its run: nothing is lost or overtaken but partials that a newer one replaces."""

import asyncio
from dataclasses import replace
from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from graph.events import Due, Event, Partial, SpeechStarted, SpeechStopped, TextTyped
from server.inbox import Inbox


async def drained(inbox: Inbox) -> list[Event]:
    return [await inbox.get() for _ in range(len(inbox))]


async def test_a_newer_partial_of_the_segment_takes_the_place_of_the_older() -> None:
    inbox = Inbox()
    inbox.put(Partial(segment=1, text="so"))
    inbox.put(Partial(segment=1, text="so I"))
    inbox.put(Partial(segment=1, text="so I thought", final=True))
    assert await drained(inbox) == [Partial(segment=1, text="so I thought", final=True)]
    assert inbox.coalesced == 2


async def test_a_final_partial_is_never_replaced() -> None:
    inbox = Inbox()
    final = Partial(segment=1, text="so I thought.", final=True)
    late = Partial(segment=1, text="so I thought. And")
    inbox.put(final)
    inbox.put(late)
    assert await drained(inbox) == [final, late]


async def test_partials_of_two_segments_stay_apart() -> None:
    inbox = Inbox()
    one, two = Partial(segment=1, text="so"), Partial(segment=2, text="and")
    inbox.put(one)
    inbox.put(two)
    assert await drained(inbox) == [one, two]


async def test_a_partial_does_not_overtake_what_came_before_it() -> None:
    inbox = Inbox()
    events: list[Event] = [
        Partial(segment=1, text="so"),
        SpeechStopped(segment=1),
        Partial(segment=1, text="so I"),
    ]
    for event in events:
        inbox.put(event)
    assert await drained(inbox) == events


async def test_a_wake_up_that_waits_is_taken_back_and_others_stay() -> None:
    inbox = Inbox()
    events: list[Event] = [
        Due(name="resume"),
        TextTyped(text="hello"),
        Due(name="endpoint"),
        Due(name="resume"),
    ]
    for event in events:
        inbox.put(event)
    inbox.drop_due("resume")
    assert await drained(inbox) == [TextTyped(text="hello"), Due(name="endpoint")]


async def test_get_waits_for_the_next_event() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(TextTyped(text="hello"))
    assert await waiting == TextTyped(text="hello")
    inbox.drop_due("resume")
    again = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not again.done(), "an event is given out once"
    again.cancel()


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Partial, segment=st.integers(1, 3), text=st.text(max_size=5), final=st.booleans()),
    st.builds(SpeechStarted, segment=st.integers(1, 3)),
    st.builds(SpeechStopped, segment=st.integers(1, 3)),
    st.builds(TextTyped, text=st.text(max_size=5)),
    st.builds(Due, name=st.sampled_from(["endpoint", "resume", "give_way"])),
)


@given(st.lists(EVENTS, max_size=30))
def test_only_partials_that_a_newer_one_follows_at_once_go_missing(events: list[Event]) -> None:
    events = [replace(event, at=float(number)) for number, event in enumerate(events)]
    inbox = Inbox()
    for event in events:
        inbox.put(event)
    left = asyncio.run(drained(inbox))
    expected = [
        event
        for event, after in zip_longest(events, events[1:])
        if not (
            isinstance(event, Partial)
            and not event.final
            and isinstance(after, Partial)
            and after.segment == event.segment
        )
    ]
    assert left == expected
    assert inbox.coalesced == len(events) - len(left)
