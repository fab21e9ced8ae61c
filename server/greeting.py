"""The first messages to a client that has said hello."""

from collections.abc import Iterator

from graph.state import Dialogue, Restriction
from server.access import User
from server.hub import Hub
from server.protocol import server_messages as out
from server.protocol.client_messages import Hello
from server.refusal import Refused
from server.story import blocked

HISTORY = 40
"""Entries of the conversation so far that a client is told."""


def greeting(
    hub: Hub,
    hello: Hello,
    user: User,
    *,
    session: str,
    dialogue: Dialogue,
    resumed: bool,
    restriction: Restriction | None,
    audio: bool,
) -> Iterator[out.FromServer]:
    """The welcome, and what is not as the client hoped."""
    yield out.Welcome(
        session=session,
        identity=user.token,
        resume=resumed,
        audio=audio,
        recognition=hello.recognition,
        personas=_personas(hub),
        config=hub.named(dialogue.config),
        history=_history(dialogue),
    )
    if hello.resume and not resumed:
        yield Refused(
            "resume_not_found",
            f"resume: no session {hello.resume!r} of this user; a new one has begun",
            "resume",
        ).error(fatal=False)
    if restriction:
        yield blocked(restriction)


def _personas(hub: Hub) -> tuple[out.PersonaInfo, ...]:
    catalogue = hub.services.personas
    all_of_them = ((name, catalogue.get(name)) for name in catalogue.names)
    return tuple(
        out.PersonaInfo(id=name, name=persona.name, languages=persona.languages)
        for name, persona in all_of_them
    )


def _history(dialogue: Dialogue) -> tuple[out.Said, ...]:
    """What both sides said, without what tools gave."""
    return tuple(
        out.Said(id=message["id"], role=message["role"], content=message["content"])
        for message in dialogue.messages[-HISTORY:]
        if message["role"] != "tool" and message.get("content")
    )
