"""The demo as one HTML file: both waveforms, partials, judgements and acts on one time axis."""

import base64
import html
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from audio_io.pcm import Samples
from evals.demo.stage import Book
from evals.demo.timeline import rows
from server.protocol import server_messages as given

_TEMPLATE = Path(__file__).parent / "page.html"
POINTS_PER_SECOND = 50
MP3_BIT_RATE = 64_000


def write_page(file: Path, sound: Path, book: Book) -> None:
    """Writes the page; the sound is inside it."""
    stereo, rate = _read_stereo(sound)
    data = {
        "seconds": len(stereo) / rate,
        "waves": [_peaks(stereo[:, side], rate) for side in (0, 1)],
        "spoken": [{"from": begin, "to": end, "text": cue.says} for begin, end, cue in book.spoken],
        "partials": _partials(book),
        "judgements": _judgements(book),
        "utterances": _utterances(book),
        "pauses": _pauses(book),
        "decided": [{"at": row.at, "text": row.text} for row in rows(book) if row.who == "mind"],
    }
    mp3 = base64.b64encode(_mp3(stereo, rate)).decode()
    text = _TEMPLATE.read_text(encoding="utf-8")
    text = text.replace("@DATA@", json.dumps(data).replace("</", "<\\/"))
    file.write_text(text.replace("@SOUND@", html.escape(mp3)), encoding="utf-8")


def _read_stereo(sound: Path) -> tuple[Samples, int]:
    import wave

    with wave.open(str(sound)) as wav:
        frames = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
        return frames.reshape(-1, 2).astype(np.int16), wav.getframerate()


def _peaks(samples: Samples, rate: int) -> list[float]:
    """The loudest sample of each short stretch, 0..1."""
    size = rate // POINTS_PER_SECOND
    whole = samples[: len(samples) // size * size].reshape(-1, size).astype(np.int32)
    return [round(float(peak) / 32768, 3) for peak in np.abs(whole).max(axis=1)]


def _partials(book: Book) -> list[dict[str, Any]]:
    return [
        {"at": at, "segment": message.segment, "text": message.text, "final": message.final}
        for at, message in book.messages
        if isinstance(message, given.Partial) and message.text
    ]


def _judgements(book: Book) -> list[dict[str, Any]]:
    return [
        {
            "at": at,
            "action": message.action,
            "reason": message.reason,
            "hold": message.hold,
            "p": message.p_complete,
            "patience": message.patience,
            "appraisal": message.appraisal,
        }
        for at, message in book.messages
        if isinstance(message, given.Judgement)
    ]


def _utterances(book: Book) -> list[dict[str, Any]]:
    ended = {m.id: (at, m) for at, m in book.messages if isinstance(m, given.UtteranceEnd)}
    meant: dict[int, str] = {}
    for _, message in book.messages:
        if isinstance(message, given.Text):
            meant[message.id] = meant.get(message.id, "") + message.delta
    return [
        {
            "from": at,
            "to": ended[message.id][0],
            "act": message.behaviour,
            "heard": ended[message.id][1].heard,
            "meant": meant.get(message.id, ""),
            "end": ended[message.id][1].reason,
        }
        for at, message in book.messages
        if isinstance(message, given.Utterance) and message.id in ended
    ]


def _pauses(book: Book) -> list[dict[str, float]]:
    """From the agent's falling silent to its going on, or its end."""
    pauses, since = [], None
    for at, message in book.messages:
        match message:
            case given.Pause():
                since = at
            case given.Resume() | given.UtteranceEnd() if since is not None:
                pauses.append({"from": since, "to": at})
                since = None
    return pauses


def _mp3(stereo: Samples, rate: int) -> bytes:
    """Small enough to stand in a page."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=rate, layout="stereo")
        stream.bit_rate = MP3_BIT_RATE
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(stereo.reshape(1, -1)), format="s16", layout="stereo"
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format.name, layout="stereo", rate=rate)
        for ready in resampler.resample(frame):
            for packet in stream.encode(ready):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return buffer.getvalue()
