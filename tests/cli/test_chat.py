"""`cleans2s chat` as a user runs it: lines in, what the terminal shows out."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.cli import main
from tests.llm_server import dies, llm_server, says

ROOT = Path(__file__).parents[2]


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


class Shell:
    """Runs the command in this process, in a folder of its own: a new one costs seconds a test."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, out: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._patch, self._out = folder, patch, out

    def run(self, *arguments: str, lines: tuple[str, ...] = (), **environment: str) -> Done:
        with self._patch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
            for name, value in ({"COLUMNS": "200"} | environment).items():
                patch.setenv(name, value)
            code = main(arguments)
        told = self._out.readouterr()
        return Done(code, told.out, told.err)

    def chat(self, *lines: str, flags: tuple[str, ...] = ()) -> str:
        done = self.run("chat", "--memory", "sqlite", *flags, lines=lines)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    for name in [name for name in os.environ if name.startswith("CLEANS2S")]:
        monkeypatch.delenv(name)
    logging.getLogger().addHandler(handler := logging.StreamHandler(_Stderr()))
    yield Shell(tmp_path, monkeypatch, capsys)
    logging.getLogger().removeHandler(handler)


class _Stderr(io.TextIOBase):
    """Log lines go to whatever stands for stderr at that moment."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)


def test_the_command_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server", "chat", "--memory", "none"],
        input="Hello!\n",
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "Ada:" in done.stdout


def test_after_a_restart_it_still_knows_the_users_name_and_the_dogs(shell: Shell) -> None:
    shell.chat("My name is Vera and my dog is called Bruno.")
    told = shell.chat("What is my dog called?", "What is my name?")
    answers = [line for line in told.splitlines() if line.startswith("Ada:")]
    assert "Bruno" in answers[0]
    assert "Vera" in answers[1]


def test_another_user_on_the_same_machine_hears_nothing_of_it(shell: Shell) -> None:
    shell.chat("My dog is called Bruno.", flags=("--user", "vera"))
    told = shell.chat("What is my dog called?", flags=("--user", "eve"))
    assert "Bruno" not in told


def test_a_named_session_goes_on_where_it_ended(shell: Shell) -> None:
    for _ in range(2):
        shell.chat("You are a stupid idiot.", flags=("--session", "row", "--persona", "max"))
    told = shell.chat(
        "You are a stupid idiot.", "Hello?", flags=("--session", "row", "--persona", "max")
    )
    assert "the chat is closed until" in told
    assert "silence: the chat is closed" in told


def test_partials_and_silence_show_the_mind_waiting_and_then_answering(shell: Shell) -> None:
    told = shell.chat("/partial so I was thinking about", "/wait 2.5")
    assert "keep listening: you are still speaking" in told
    assert "keep listening: it sounds unfinished" in told
    assert told.index("it sounds unfinished") < told.index("reply: your turn is over")


def test_a_host_cuts_in_on_somebody_who_goes_round_in_circles(shell: Shell) -> None:
    ramble = "the fence is my fence and he said the fence is his fence and I said " * 3
    told = shell.chat(f"/say {ramble}", flags=("--persona", "max"))
    assert "interrupt: you are going round in circles" in told
    assert "Max:" in told[told.index("interrupt:") :]


def test_a_wrong_command_is_named_and_the_chat_goes_on(shell: Shell) -> None:
    told = shell.chat("/frob", "/wait soon", "/persona nobody", "Hello!")
    assert "command: unknown; /help lists them (got '/frob')" in told
    assert "/wait: needs a number of seconds (got 'soon')" in told
    assert "no such persona; there are ada, max, vera" in told
    assert "Ada:" in told


def test_with_a_model_the_reply_is_the_models(shell: Shell) -> None:
    with llm_server([says("Ahoy from the model.")]) as server:
        flags = ("--llm", "test", "--llm-url", server.url, "--memory", "none")
        told = shell.chat("Hello there.", flags=flags)
    assert "Ada: Ahoy from the model." in told


def test_a_model_that_dies_in_mid_sentence_leaves_what_was_heard(shell: Shell) -> None:
    with llm_server([dies("I was about ", "to say"), says("Back again.")]) as server:
        flags = ("--llm", "test", "--llm-url", server.url, "--memory", "none")
        told = shell.chat("Hello there.", "Are you there?", flags=flags)
    assert "failed; heard: 'I was about to say'" in told
    assert "Ada: Back again." in told


def test_a_model_server_that_is_not_there_costs_a_line_not_the_chat(shell: Shell) -> None:
    flags = ("--llm", "test", "--llm-url", "http://127.0.0.1:9/v1", "--memory", "none")
    done = shell.run("chat", *flags, lines=("Hello.", "Still there?"))
    assert done.returncode == 0
    assert done.stdout.count("failed; heard:") == 2
    assert "http://127.0.0.1:9/v1 cannot be reached" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_a_read_only_data_folder_is_named_and_the_chat_goes_on(shell: Shell) -> None:
    folder = shell.folder / "data"
    folder.mkdir(mode=0o500)
    done = shell.run("chat", lines=("Hello!",), CLEANS2S_DATA_DIR=str(folder))
    assert done.returncode == 0
    assert str(folder) in done.stderr
    assert "Ada:" in done.stdout


def test_a_data_folder_that_is_a_file_is_named_and_the_chat_goes_on(shell: Shell) -> None:
    (shell.folder / "data").write_text("")
    flags = ("--data-dir", str(shell.folder / "data"))
    done = shell.run("chat", *flags, lines=("Hello!",))
    assert done.returncode == 0
    assert "sessions will not survive a restart" in done.stderr
    assert str(shell.folder / "data") in done.stderr
    assert "Ada:" in done.stdout


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--persona", "bob"), "persona: no such persona; there are ada, max, vera (got 'bob')"),
        (("--memory", "foo"), "memory.backend: Input should be 'mem0', 'sqlite' or 'none'"),
        (("--llm", "x", "--llm-url", "nonsense"), "llm.base_url"),
    ],
)
def test_a_wrong_setting_names_the_field_and_the_value(
    shell: Shell, flags: tuple[str, ...], complaint: str
) -> None:
    done = shell.run("chat", *flags)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_come_from_the_file_the_environment_and_the_flags_in_this_order(
    shell: Shell,
) -> None:
    (shell.folder / "cleans2s.yaml").write_text("persona: max\nmemory: {backend: none}\n")
    assert "Max listens." in shell.run("chat").stdout
    assert "Ada listens." in shell.run("chat", CLEANS2S_PERSONA="ada").stdout
    told = shell.run("chat", "--persona", "max", CLEANS2S_PERSONA="ada")
    assert "Max listens." in told.stdout
    (shell.folder / "cleans2s.yaml").write_text("persna: max\n")
    done = shell.run("chat")
    assert done.returncode == 2
    assert "persna" in done.stderr
