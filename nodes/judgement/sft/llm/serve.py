"""`cleans2s sft serve`: a trained judge behind OpenAI's chat completions, one request at a time.

For evaluating what was trained, and for small machines. It tells log probabilities, which
`transformers serve` refuses. Under load, serve the merged model with vLLM.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from graph.errors import BadInput
from nodes.judgement.llm_prompt import ChatMessage
from nodes.judgement.sft.llm.environment import require_training
from nodes.judgement.sft.llm.wire import Asked, Spoken, events, whole

if TYPE_CHECKING:
    from fastapi import FastAPI


class Speaker(Protocol):
    """Who answers."""

    def speak(self, messages: Sequence[ChatMessage], max_tokens: int, top: int) -> list[Spoken]:
        """The likeliest answer, with `top` alternatives for each token.

        Called from several threads. Raises `BadInput` for messages that it cannot take.
        """


def app(speaker: Speaker, name: str) -> "FastAPI":
    """The server: `/v1/chat/completions` and `/v1/models`."""
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import JSONResponse, StreamingResponse

    server = FastAPI(title="CleanS2S judge")

    # Not async: FastAPI gives it a thread, for the model blocks.
    @server.post("/v1/chat/completions", response_model=None)
    def complete(asked: Asked) -> StreamingResponse | JSONResponse:
        try:
            spoken = speaker.speak(asked.chat, asked.room, asked.top_logprobs)
        except BadInput as error:
            raise HTTPException(400, str(error)) from None
        if asked.stream:
            return StreamingResponse(events(asked, name, spoken), media_type="text/event-stream")
        return JSONResponse(whole(asked, name, spoken))

    @server.get("/v1/models")
    def models() -> dict[str, object]:
        return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "local"}]}

    return server


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="cleans2s sft serve", description="Serves a chat model to judge with."
    )
    parser.add_argument("--model", required=True, help="a folder (DIR/merged), or a hub id")
    parser.add_argument("--name", default="judge", help="the model's name (default: judge)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args(argv)
    require_training("sft serve")
    import uvicorn

    from nodes.judgement.sft.llm.speak import LocalModel

    speaker = LocalModel(given.model)
    print(f"{given.model} answers as {given.name} at http://{given.host}:{given.port}/v1")
    uvicorn.run(app(speaker, given.name), host=given.host, port=given.port, log_level="warning")
    return 0
