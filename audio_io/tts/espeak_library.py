"""espeak-ng as a C library, into memory: by ctypes, from the `espeakng-loader` wheel.

espeak-ng is GPL-3.0; it is loaded at run time from a wheel of its own. Structures and constants
are those of its header `espeak-ng/speak_lib.h`, version 1.52. It keeps its state in globals, so
only one thread may use it: `EspeakLibrary` belongs to that thread.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from graph.errors import Unavailable

_SYNCHRONOUS = 2  # audio goes to the callback, and espeak_Synth returns when all is made
_PHONEME_EVENTS = 0x0001
_DONT_EXIT = 0x8000
_BUFFER_MS = 20
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_LIST_END, _WORD, _PHONEME = 0, 1, 7


class _Id(ctypes.Union):
    _fields_: ClassVar = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happens at a sample: a word begins, or (`char` None) a silence does."""

    sample: int
    char: int | None


Take = Callable[[bytes, list[Mark]], bool]
"""Gets int16 PCM at the library's rate with the marks that became known; False: stop."""


class EspeakLibrary:
    """The library, loaded and started. Making it and every call belong to one thread."""

    def __init__(self) -> None:
        """Raises `Unavailable` where the library cannot be loaded."""
        try:
            import espeakng_loader

            path, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
            self._lib: Any = ctypes.CDLL(path)
        except (ImportError, OSError, RuntimeError) as error:
            raise Unavailable(
                f"espeak-ng cannot be loaded ({error}); reinstall the package espeakng-loader"
            ) from error
        options = _PHONEME_EVENTS | _DONT_EXIT
        self.rate: int = self._lib.espeak_Initialize(
            _SYNCHRONOUS, _BUFFER_MS, str(Path(data)).encode(), options
        )
        if self.rate <= 0:
            raise Unavailable(f"espeak-ng does not start: no usable voice data in {data}")
        self._take: Take | None = None
        self._callback = _Callback(self._on_audio)
        self._lib.espeak_SetSynthCallback(self._callback)
        self._voice = ""

    def select(self, voice: str) -> bool:
        """Chooses a voice such as `de` or `en-us+f3`; False if there is none of that name."""
        if voice == self._voice:
            return True
        base, _, variant = voice.partition("+")
        if variant and not _variant_exists(variant):
            return False
        if not base or self._lib.espeak_SetVoiceByName(voice.encode("utf-8", "replace")) != 0:
            return False
        self._voice = voice
        return True

    def synthesise(self, text: str, take: Take) -> None:
        """Makes the audio of a text in the chosen voice and hands it to `take` as it comes."""
        data = text.replace("\0", " ").encode("utf-8", "replace")
        self._take = take
        try:
            status = self._lib.espeak_Synth(
                data, len(data) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
            )
        finally:
            self._take = None
        if status != 0:
            raise Unavailable(f"espeak-ng refuses to speak: status {status}")

    def _on_audio(self, wav: Any, count: int, events: Any) -> int:
        take = self._take
        if take is None or not wav:
            return 0
        marks, index = [], 0
        while (event := events[index]).type != _LIST_END:
            if event.type == _WORD:
                marks.append(Mark(event.sample, event.text_position - 1))
            elif event.type == _PHONEME and event.id.string.startswith(b"_"):
                marks.append(Mark(event.sample, None))
            index += 1
        return 0 if take(ctypes.string_at(wav, 2 * count), marks) else 1


def _variant_exists(variant: str) -> bool:
    """espeak-ng takes any variant without a word, so it is looked for in its data."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return Path(variant).name == variant and (folder / variant).is_file()
