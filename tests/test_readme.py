"""The README is true: its picture is that of the graph, its commands are those that there are."""

import re

from server.cli import _parser
from tools.draw_graph import README, with_picture


def test_the_picture_is_that_of_the_compiled_graph() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_picture(text) == text, "run: .venv/bin/python tools/draw_graph.py"


def test_every_command_that_it_names_exists() -> None:
    text = README.read_text(encoding="utf-8")
    named = set(re.findall(r"cleans2s ([a-z]+)\b", text))
    known = set(re.findall(r"^    ([a-z]+)", _parser().format_help(), re.MULTILINE))
    assert named <= known
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    assert targets <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
