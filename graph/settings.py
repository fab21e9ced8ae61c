"""Settings: defaults, then a YAML file, then the environment (`CLEANS2S_*`), then flags.

Nested settings are written `CLEANS2S_LLM__MODEL` in the environment and `llm: {model: ...}` in the
file (`cleans2s.yaml` in the working folder, or the file that `CLEANS2S_CONFIG` names).
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from graph.errors import BadInput


def key_for(base_url: str, key: SecretStr) -> str:
    """The key to send to a server: OpenAI's own is for OpenAI alone."""
    return key.get_secret_value() or ("" if base_url else os.environ.get("OPENAI_API_KEY", ""))


class LLMSettings(BaseModel, extra="forbid"):
    """Any server that speaks OpenAI's chat completions. No model: the persona's own lines."""

    model: str = ""
    base_url: str = ""
    """Empty: api.openai.com."""
    api_key: SecretStr = SecretStr("")
    """Empty: OPENAI_API_KEY for api.openai.com, and none for any other server."""
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=300, ge=1)
    first_token_seconds: float = Field(default=4.0, gt=0)
    next_token_seconds: float = Field(default=3.0, gt=0)

    @property
    def key(self) -> str:
        """The key to send; a word where there is none, since the client insists on one."""
        return key_for(self.base_url, self.api_key) or "none"


class JudgeLLMSettings(BaseModel, extra="forbid"):
    """The chat model that judges; what is not set here is the chat LLM's. A small one will do."""

    model: str = ""
    base_url: str = ""
    """Its server, where that is another one than the chat LLM's."""
    api_key: SecretStr = SecretStr("")
    timeout_seconds: float = Field(default=2.0, gt=0)
    """A verdict that takes longer is given up: the encoder's estimate stands."""


class MemorySettings(BaseModel, extra="forbid"):
    """Where what users said is kept."""

    backend: Literal["mem0", "sqlite", "none"] = "mem0"
    facts: int = Field(default=5, ge=0, le=50)
    """Facts recalled for a turn."""


class AsrSettings(BaseModel, extra="forbid"):
    """How speech is recognised."""

    engine: str = "auto"
    """auto (whisper if its model is here or can be loaded, else pocketsphinx), whisper,
    pocketsphinx, openai, replay, client, or one that a package adds."""
    model: str = ""
    """whisper: a size (tiny, base, small, ...), a folder or a Hugging Face id; openai: its name."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(default=0, ge=0)
    """whisper: CPU threads of one decode; 0: as many as cores, at most 4."""
    processes: int = Field(default=0, ge=0)
    """pocketsphinx: decoders at most, 130 MB each; 0: one for each core."""
    base_url: str = ""
    """openai: the server, as in http://127.0.0.1:8000/v1; empty: api.openai.com."""
    api_key: SecretStr = SecretStr("")
    timeout_seconds: float = Field(default=10.0, gt=0)
    """openai: a transcription that takes longer has failed."""
    interval_seconds: float = Field(default=0.5, gt=0)
    """whisper, openai: new audio between two decodes of a segment."""
    download_seconds: float = Field(default=5.0, gt=0)
    """whisper: how long to wait for the model hub to answer."""
    replay: Path | None = None
    """replay: a recording with its word times, or a folder of them."""


class TtsSettings(BaseModel, extra="forbid"):
    """How the agent's text becomes sound."""

    engine: str = "auto"
    """auto (openai where a server or a model is set, else espeak), espeak, openai, tone, or one
    that a package adds."""
    model: str = ""
    base_url: str = ""
    """openai: the server, as in http://127.0.0.1:8880/v1; empty: api.openai.com."""
    api_key: SecretStr = SecretStr("")
    rate: int = Field(default=24_000, ge=8_000, le=192_000)
    """Hz of the raw PCM that a server sends where it does not say so."""
    first_audio_seconds: float = Field(default=3.0, gt=0)
    """How long the engine may take for its first audio, and from each piece to the next."""
    lead_seconds: float = Field(default=0.2, ge=0.02, le=5)
    """Audio that a client holds and has not played yet."""

    @property
    def key(self) -> str:
        """The key to send; empty: none."""
        return key_for(self.base_url, self.api_key)


class ServerSettings(BaseModel, extra="forbid"):
    """Where the server listens, and whom it lets in."""

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65_535)
    api_keys: list[SecretStr] = []
    """Whoever has none of them is refused; none set: anybody may come."""
    origins: list[str] = []
    """Web pages that may connect besides the server's own, as in https://example.org; "*": all."""
    max_sessions: int = Field(default=256, ge=1)


class Settings(BaseSettings):
    """All settings of a process."""

    model_config = SettingsConfigDict(
        env_prefix="CLEANS2S_", env_nested_delimiter="__", extra="forbid"
    )

    data_dir: Path = Path(".cleans2s")
    """Where checkpoints, memory and restrictions live; made if missing."""
    persona: str = "ada"
    """The persona of sessions that ask for none."""
    persona_dirs: list[Path] = []
    """Folders with more persona files; one of the same name hides ours."""
    judge: Literal["encoder", "rules", "llm"] = "encoder"
    """Who estimates: the encoder that ships, word cues, or the encoder with a chat model's verdicts
    in the background."""
    llm: LLMSettings = LLMSettings()
    judge_llm: JudgeLLMSettings = JudgeLLMSettings()
    memory: MemorySettings = MemorySettings()
    asr: AsrSettings = AsrSettings()
    tts: TtsSettings = TtsSettings()
    server: ServerSettings = ServerSettings()
    checkpoints: bool = True
    """Keep sessions over a restart."""
    keep_checkpoints: int = Field(default=5, ge=1)
    """Newest checkpoints kept of a thread."""

    @property
    def llm_of_judge(self) -> LLMSettings:
        """The chat model that judges. A server of its own is never sent the chat LLM's key."""
        own = self.judge_llm
        given: dict[str, Any] = {"model": own.model} if own.model else {}
        if own.base_url:
            given |= {"base_url": own.base_url, "api_key": own.api_key}
        elif own.api_key.get_secret_value():
            given |= {"api_key": own.api_key}
        return self.llm.model_copy(update=given)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, YAML: the first that names a setting wins."""
        file = os.environ.get("CLEANS2S_CONFIG", "cleans2s.yaml")
        if "CLEANS2S_CONFIG" in os.environ and not Path(file).is_file():
            raise BadInput("CLEANS2S_CONFIG", file, "no such file")
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, file)


def load_settings(**flags: Any) -> Settings:
    """The settings of this process; raises `BadInput` that names a wrong one and its value."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise BadInput(path, first["input"], first["msg"]) from None
