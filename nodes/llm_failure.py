"""The ways in which a chat model fails, and what the exceptions of its client library mean."""

import json
from typing import Literal
from urllib.parse import urlsplit

from graph.errors import CleanS2SError
from graph.settings import LLMSettings

OPENAI_URL = "https://api.openai.com/v1"

Kind = Literal[
    "no_first_token", "stalled", "died", "malformed", "unauthorised", "rate_limited", "rejected",
    "unreachable",
]  # fmt: skip


class ComposeFailed(CleanS2SError):
    """The model gave no reply, or not all of it. The message names the server and what to do."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind


def shown(url: str) -> str:
    """A URL without the name and password that it may carry."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def translated(error: Exception, url: str, settings: LLMSettings) -> ComposeFailed:
    """What an exception of the client library means, without anything that holds the key."""
    import openai

    def failed(kind: Kind, problem: str) -> ComposeFailed:
        return ComposeFailed(kind, f"{url} {problem}")

    def quoted(text: str) -> str:
        return _quoted(text, settings.key)

    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return failed(
                "unauthorised",
                f"refuses the key ({error.status_code}); set llm.api_key "
                "(CLEANS2S_LLM__API_KEY or OPENAI_API_KEY)",
            )
        case openai.RateLimitError():
            wait = error.response.headers.get("retry-after")
            after = f", by its own word in {wait} s" if wait else ""
            return failed(
                "rate_limited", f"wants fewer requests (429): try later{after}, or see its plan"
            )
        case openai.InternalServerError():
            return failed("died", f"failed with status {error.status_code}; see its log")
        case openai.APIStatusError():
            return failed(
                "rejected",
                f"rejects the request ({error.status_code}): {quoted(error.message)}; "
                f"check llm.base_url and llm.model ({settings.model!r})",
            )
        case openai.APIConnectionError() if _never_connected(error):
            return failed(
                "unreachable", "cannot be reached; check llm.base_url and that the server runs"
            )
        case openai.APIConnectionError():
            return failed("died", "broke the connection before the reply was complete")
        case openai.OpenAIError():
            return failed("died", f"failed: {quoted(str(error))}")
        case json.JSONDecodeError() | UnicodeDecodeError():
            return failed("malformed", "sent something that is not JSON")
        case _:
            kind = type(error).__name__
            return failed(
                "malformed",
                "sent no stream of chat completions that could be read "
                f"({kind}: {quoted(str(error))}); check llm.base_url",
            )


def _quoted(text: str, key: str) -> str:
    plain = " ".join((text.replace(key, "***") if key != "none" else text).split())
    return plain if len(plain) <= 200 else plain[:197] + "..."


def _never_connected(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        # By name, for openai uses one of two HTTP libraries.
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout", "UnsupportedProtocol"):
            return True
        cause = cause.__cause__
    return False
