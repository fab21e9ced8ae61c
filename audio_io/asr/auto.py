"""`auto`: the best recogniser that this machine can run now."""

import logging
from dataclasses import replace

from audio_io.asr import pocketsphinx, whisper
from audio_io.asr.protocol import AsrEngine, AsrOptions
from graph.errors import Unavailable

log = logging.getLogger(__name__)


def build(options: AsrOptions) -> AsrEngine:
    """whisper if its model is in the cache or can be had, else pocketsphinx; one line says which.

    Raises `BadInput` for a whisper model that does not exist, `Unavailable` where neither runs.
    """
    try:
        engine: AsrEngine = whisper.build(replace(options, engine="whisper"))
    except Unavailable as error:
        engine = pocketsphinx.build(replace(options, engine="pocketsphinx"))
        log.warning(
            "speech recognition: %s. It understands little; whisper would do better, but %s",
            engine.describe(),
            error,
        )
    else:
        log.info("speech recognition: %s", engine.describe())
    return engine
