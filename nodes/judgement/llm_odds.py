"""How probable a model held the words of its answer, from the log probabilities of its tokens.

The form is that of `logprobs` in https://platform.openai.com/docs/api-reference/chat/object.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError


class _Choice(BaseModel):
    token: str
    logprob: float


class _Position(_Choice):
    top_logprobs: list[_Choice] | None = None


class _Logprobs(BaseModel):
    content: list[_Position] | None = None


@dataclass(frozen=True)
class Token:
    """A token of the answer, and what might have stood in its place."""

    text: str
    choices: Mapping[str, float]
    """Probability of each token that the server told, this one among them."""


def tokens_of(logprobs: object) -> list[Token]:
    """The tokens of a choice's `logprobs`; none where the server gave none that can be read."""
    try:
        read = _Logprobs.model_validate(logprobs)
    except ValidationError:
        return []
    return [_token(position) for position in read.content or []]


def odds(tokens: Sequence[Token], word: int, candidates: Sequence[str]) -> dict[str, float] | None:
    """Probabilities of the candidates, which sum to 1, as the answer's word of this index.

    Tokens that are, or begin, a candidate count for it. None where the tokens do not tell.
    """
    first = _first_token_of(tokens, word)
    if first is None:
        return None
    mass = dict.fromkeys(candidates, 0.0)
    _spread(tokens, first, "", 1.0, mass)
    told = sum(mass.values())
    if told <= 0:
        return None
    if len(tokens[first].choices) > 1:
        return {name: share / told for name, share in mass.items()}
    # The chosen token alone: what it leaves is the others'.
    left = max(0.0, 1 - told) / max(1, sum(share == 0 for share in mass.values()))
    return {name: share or left for name, share in mass.items()}


def _token(position: _Position) -> Token:
    choices: dict[str, float] = {}
    for choice in [position, *(position.top_logprobs or [])]:
        choices[choice.token] = min(1.0, math.exp(min(0.0, choice.logprob)))
    return Token(position.token, choices)


def _first_token_of(tokens: Sequence[Token], word: int) -> int | None:
    """Index of the token in which the word begins; None if it begins in the middle of one."""
    spoken = ""
    for index, token in enumerate(tokens):
        begins = not spoken or spoken[-1].isspace() or token.text[:1].isspace()
        if begins and token.text.strip() and len(spoken.split()) == word:
            return index
        spoken += token.text
    return None


def _spread(
    tokens: Sequence[Token], index: int, before: str, share: float, mass: dict[str, float]
) -> None:
    """Adds to `mass` what the choices at this token give to words that begin with `before`."""
    for text, probability in tokens[index].choices.items():
        said = (before + text).strip().lower()
        fits = [name for name in mass if said and name.startswith(said)]
        chosen = text == tokens[index].text
        if len(fits) > 1 and chosen and index + 1 < len(tokens):
            _spread(tokens, index + 1, before + text, share * probability, mass)
        else:
            for name in fits:
                mass[name] += share * probability / len(fits)
