"""The persona's own lines, for a conversation without a model: chosen by act and by meaning.

A line may hold slots. Lines that know something (a fact, an opinion, what was said last) come
before those that do not; a line whose slots nothing fills is left out.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graph.state import Act, Appraisal, Dialogue, Recollection, Utterance
from nodes import known
from nodes.meaning import Embedder, Meanings, SharedWords, nearest_text
from nodes.persona import Kind, LineGroup, Opinion, Persona, choose, slots
from nodes.words import is_emergency, is_question

log = logging.getLogger(__name__)

KIND: Mapping[Act, Kind] = {
    "reply": "reply",
    "refuse": "refuse",
    "deflect": "deflect",
    "interrupt": "go_on",
    "block": "block",
}
"""Which lines an act takes, behind its opening."""

_KNOWING = frozenset({"fact", "opinion", "last"})


@dataclass(frozen=True)
class Nearness:
    """Cosines from which on two texts are taken to mean the same."""

    line: float
    """A user's words and an example of a line group."""
    fact: float
    """A question about the user and something that they said."""


BY_VECTORS = Nearness(line=0.4, fact=0.38)
BY_WORDS = Nearness(line=0.35, fact=0.25)

DANGER = "danger"
"""The meaning whose lines name the emergency number."""


@dataclass(frozen=True)
class _Meaning:
    """What a user may say, and the lines that answer it."""

    kind: Kind
    group: LineGroup
    examples: tuple[str, ...]
    opinion: Opinion | None = None

    def fits(self, kind: Kind, appraisal: Appraisal) -> bool:
        return self.kind == kind and (not self.group.when or appraisal in self.group.when)


class _Repertoire:
    """A persona's line groups, with their examples ready to be compared."""

    def __init__(self, persona: Persona, embedder: Embedder | None) -> None:
        self.persona = persona
        self._meanings = list(_meanings(persona))
        examples = [meaning.examples for meaning in self._meanings]
        self.embedder: Embedder = embedder or SharedWords([t for texts in examples for t in texts])
        self._near = Meanings(examples, self.embedder)

    def nearest(
        self, kind: Kind, appraisal: Appraisal, said: str, threshold: float
    ) -> _Meaning | None:
        """What the words mean, if that is near enough to something the persona has lines for."""
        fitting = [i for i, m in enumerate(self._meanings) if m.fits(kind, appraisal)]
        if is_emergency(said):
            # No cosine decides on this.
            fitting = [i for i in fitting if self._meanings[i].group.meaning == DANGER] or fitting
            threshold = -1.0
        near = self._near.nearest(said, fitting)
        return self._meanings[near.index] if near and near.score >= threshold else None

    def stance(self, kind: Kind, appraisal: Appraisal, said: str) -> _Meaning | None:
        """The lines that say where the persona stands, where the words are for or against that."""
        touched = [opinion for opinion in self.persona.opinions if opinion.touched_by(said)]
        for meaning in self._meanings:
            contested = appraisal in ("agreement", "conflict") and appraisal in meaning.group.when
            if contested and meaning.kind == kind and meaning.opinion in touched:
                return meaning
        return None


class OwnLines:
    """Finds a persona's line for an utterance; one for all sessions of a process."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        """Without an embedder, the words that two texts share stand for their meaning."""
        self._embedder = embedder
        self._nearness = BY_VECTORS if embedder else BY_WORDS
        self._repertoires: dict[int, _Repertoire] = {}
        self._building = threading.Lock()
        self._foreign: set[tuple[str, str]] = set()

    async def warm(self, persona: Persona) -> None:
        """Embeds the persona's examples, which the first line would wait for."""
        if self._embedder:
            await asyncio.to_thread(self._repertoire, persona)
        else:
            self._repertoire(persona)

    async def line(
        self, persona: Persona, utterance: Utterance, dialogue: Dialogue, recollection: Recollection
    ) -> str:
        """One line, not said in this dialogue as long as there is another."""
        self._note_language(persona, dialogue.config.language)
        if self._embedder:
            return await asyncio.to_thread(self._find, persona, utterance, dialogue, recollection)
        return self._find(persona, utterance, dialogue, recollection)

    def _find(
        self, persona: Persona, utterance: Utterance, dialogue: Dialogue, recollection: Recollection
    ) -> str:
        kind, appraisal = KIND[utterance.behaviour], _appraisal(utterance, dialogue)
        seed = f"{dialogue.session}/{utterance.turn or utterance.id}"
        said = known.words_answered(utterance, dialogue)
        if not said and not dialogue.messages:
            return persona.line("greeting", dialogue.messages, seed)
        repertoire = self._repertoire(persona)
        meaning = repertoire.stance(kind, appraisal, said) or repertoire.nearest(
            kind, appraisal, said, self._nearness.line
        )
        if meaning:
            values = self._values(meaning, said, repertoire, dialogue, recollection)
            lines = filled(meaning.group.say, values)
            if lines:
                return choose(lines, dialogue.messages, seed)
        return persona.line(kind, dialogue.messages, seed, appraisal, is_question(said))

    def _values(
        self,
        meaning: _Meaning,
        said: str,
        repertoire: _Repertoire,
        dialogue: Dialogue,
        recollection: Recollection,
    ) -> dict[str, str]:
        """What is known for the slots that the group has."""
        open_slots = frozenset[str]().union(*(slots(line) for line in meaning.group.say))
        values: dict[str, str | None] = {}
        if "name" in open_slots:
            values["name"] = known.user_name(known.user_texts(dialogue, recollection))
        if "last" in open_slots:
            values["last"] = known.last_said(dialogue)
        if "opinion" in open_slots:
            values["opinion"] = _opinion(meaning, said, repertoire.persona, dialogue)
        if "fact" in open_slots:
            told = known.told(said, dialogue, recollection)
            near = nearest_text(known.bare(said), told, repertoire.embedder)
            if near and near.score >= self._nearness.fact:
                values["fact"] = told[near.index]
        return {slot: value for slot, value in values.items() if value}

    def _repertoire(self, persona: Persona) -> _Repertoire:
        with self._building:
            if id(persona) not in self._repertoires:
                self._repertoires[id(persona)] = _Repertoire(persona, self._embedder)
            return self._repertoires[id(persona)]

    def _note_language(self, persona: Persona, language: str) -> None:
        spoken = {code.split("-")[0].lower() for code in persona.languages}
        if language.split("-")[0].lower() in spoken or (persona.name, language) in self._foreign:
            return
        self._foreign.add((persona.name, language))
        log.warning(
            "no model is set, and the lines of %s are in %s only: it will not speak %r",
            persona.name,
            ", ".join(persona.languages),
            language,
        )


def filled(lines: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The lines whose slots the values fill, filled; only those that know something, if any do."""
    ready = [line for line in lines if slots(line) <= values.keys()]
    knowing = [line for line in ready if slots(line) & _KNOWING]
    return [line.format_map(dict(values)) for line in knowing or ready]


def _appraisal(utterance: Utterance, dialogue: Dialogue) -> Appraisal:
    judgement = dialogue.judgement
    ours = judgement is not None and judgement.turn == utterance.turn
    return judgement.appraisal if judgement and ours else "plain"


def _opinion(meaning: _Meaning, said: str, persona: Persona, dialogue: Dialogue) -> str | None:
    """The stance that the words touch, unless the agent has stated it in this dialogue."""
    touched = [opinion for opinion in persona.opinions if opinion.touched_by(said)]
    opinion = meaning.opinion or (touched[0] if touched else None)
    heard = [m["content"] for m in dialogue.messages if m["role"] == "assistant"]
    if opinion is None or any(opinion.stance in content for content in heard):
        return None
    return opinion.stance


def _meanings(persona: Persona) -> Iterator[_Meaning]:
    for kind in dict.fromkeys(KIND.values()):
        for group in persona.lines.of(kind):
            if group.examples:
                yield _Meaning(kind, group, group.examples)
            if group.examples and any("opinion" in slots(line) for line in group.say):
                for opinion in persona.opinions:
                    yield _Meaning(kind, group, _about(opinion), opinion)


def _about(opinion: Opinion) -> tuple[str, ...]:
    """What somebody may say who touches the topic."""
    topic = opinion.topic
    return topic, f"what do you think about {topic}", f"do you like {topic}", opinion.stance
