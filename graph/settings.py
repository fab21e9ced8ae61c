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


class LLMSettings(BaseModel, extra="forbid"):
    """Any server that speaks OpenAI's chat completions. No model: the persona's own lines."""

    model: str = ""
    base_url: str = ""
    """Empty: api.openai.com."""
    api_key: SecretStr = SecretStr("")
    """Empty: OPENAI_API_KEY, else none is sent, as local servers like it."""
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=300, ge=1)
    first_token_seconds: float = Field(default=4.0, gt=0)
    next_token_seconds: float = Field(default=3.0, gt=0)

    @property
    def key(self) -> str:
        """The key to send."""
        return self.api_key.get_secret_value() or os.environ.get("OPENAI_API_KEY", "") or "none"


class MemorySettings(BaseModel, extra="forbid"):
    """Where what users said is kept."""

    backend: Literal["mem0", "sqlite", "none"] = "mem0"
    facts: int = Field(default=5, ge=0, le=50)
    """Facts recalled for a turn."""


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
    judge: Literal["rules"] = "rules"
    llm: LLMSettings = LLMSettings()
    memory: MemorySettings = MemorySettings()
    checkpoints: bool = True
    """Keep sessions over a restart."""
    keep_checkpoints: int = Field(default=5, ge=1)
    """Newest checkpoints kept of a thread."""

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
