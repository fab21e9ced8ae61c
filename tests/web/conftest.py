"""The stage that the tests of the page share, one a module."""

import pytest_asyncio

from tests.web.browser import chromium
from tests.web.stage import LINES, Stage, copy_jfk, server_in, speak_lines


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory):
    """One server and one browser for all tests of a module that need no other."""
    folder, lines = tmp_path_factory.mktemp("page"), tmp_path_factory.mktemp("lines")
    sounds = await speak_lines(LINES, lines)
    copy_jfk(lines)
    microphone = folder / "microphone.wav"
    async with (
        chromium(folder, microphone=microphone) as browser,
        server_in(folder / "data", lines) as served,
    ):
        yield Stage(served, browser, lines, microphone, sounds)
