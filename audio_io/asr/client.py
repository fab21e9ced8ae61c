"""`client`: the client recognises the speech itself; the ear tells only when there is a voice."""

from audio_io.asr.protocol import AsrOptions, Listener, Recogniser


class ClientEngine:
    """Recognises nothing."""

    def open(self, listener: Listener) -> Recogniser | None:
        """None: no words come from this side."""
        return None

    def describe(self) -> str:
        """One line."""
        return "client: the words come from the client"

    def close(self) -> None:
        """Holds nothing."""


def build(options: AsrOptions) -> ClientEngine:
    """The engine; there is nothing to set."""
    return ClientEngine()
