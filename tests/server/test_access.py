"""Who the user is, and what nobody can do to become another."""

import logging
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import BadInput
from server.access import KEY_FILE, Access, load_secret
from server.refusal import Refused

SECRET = b"s" * 32


def test_a_newcomer_comes_back_as_the_same_user():
    access = Access(SECRET)
    first = access.admit(None, None)
    assert access.admit(None, first.token) == first
    assert Access(SECRET).admit(None, first.token) == first


def test_two_newcomers_are_two_users():
    access = Access(SECRET)
    assert access.newcomer().id != access.newcomer().id


def test_a_token_of_another_server_is_refused():
    foreign = Access(b"t" * 32).newcomer()
    with pytest.raises(Refused, match="not a token of this server") as caught:
        Access(SECRET).admit(None, foreign.token)
    assert (caught.value.code, caught.value.field) == ("bad_identity", "identity")


def test_nobody_becomes_another_by_writing_their_id_into_a_token():
    access = Access(SECRET)
    mine, theirs = access.newcomer(), access.newcomer()
    with pytest.raises(Refused):
        access.admit(None, str(mine.token).replace(mine.id, theirs.id))


@given(st.data())
def test_no_change_to_a_token_is_accepted(data):
    token = str(Access(SECRET).newcomer().token)
    at = data.draw(st.integers(0, len(token) - 1))
    char = data.draw(st.characters().filter(lambda char: char != token[at]))
    with pytest.raises(Refused):
        Access(SECRET).admit(None, token[:at] + char + token[at + 1 :])


@given(st.text(min_size=1))
def test_no_text_that_was_not_signed_is_a_token(text):
    with pytest.raises(Refused):
        Access(SECRET).admit(None, text)


def test_a_key_is_a_user_and_gets_no_token():
    access = Access(SECRET, ["alpha", "beta"])
    user = access.admit("alpha", None)
    assert access.admit("alpha", "whatever") == user
    assert access.admit("beta", None).id != user.id
    assert user.token is None
    assert "alpha" not in user.id


@pytest.mark.parametrize("key", [None, "", "alph", "alpha ", "ALPHA", "αβγ", "\ud800"])
def test_without_a_right_key_nobody_gets_in(key):
    token = Access(SECRET).newcomer().token
    with pytest.raises(Refused) as caught:
        Access(SECRET, ["alpha"]).admit(key, token)
    assert (caught.value.code, caught.value.field) == ("unauthorised", "key")


def test_an_empty_key_in_the_settings_is_refused():
    with pytest.raises(BadInput, match="let everybody in"):
        Access(SECRET, ["alpha", ""])


def test_the_signing_key_is_made_once_and_for_its_owner_only(tmp_path):
    folder = tmp_path / "new"
    secret = load_secret(folder)
    assert load_secret(folder) == secret
    assert len(secret) == 32
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in folder.iterdir()] == [KEY_FILE]


def test_a_damaged_signing_key_is_named_and_not_replaced(tmp_path):
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(BadInput, match=r"identity\.key: should hold 32 bytes"):
        load_secret(tmp_path)
    assert (tmp_path / KEY_FILE).read_bytes() == b"short"


def test_without_a_folder_the_key_lasts_as_long_as_the_process(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        secret = load_secret(tmp_path / "file")
    assert len(secret) == 32
    assert "users will be strangers after a restart" in caplog.text


def test_a_second_process_that_starts_at_the_same_moment_takes_the_same_key(tmp_path, monkeypatch):
    real = os.link

    def somebody_was_faster(source, target):
        (tmp_path / KEY_FILE).write_bytes(b"f" * 32)
        real(source, target)

    monkeypatch.setattr(os, "link", somebody_was_faster)
    assert load_secret(tmp_path) == b"f" * 32
