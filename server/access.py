"""Who the user is: by API key where keys are set, else by a token that this server signed.

A token is `<version>.<user>.<signature>`: HMAC-SHA-256 (RFC 2104) under a key that never leaves the
data folder. It has no expiry: it is the only thing that brings the same user back.
"""

import base64
import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.errors import BadInput
from server.refusal import Refused

log = logging.getLogger(__name__)

COOKIE = "cleans2s_identity"
"""Name of the cookie that holds the token of a page's user."""

KEY_FILE = "identity.key"
_KEY_BYTES = 32
_VERSION = "v1"


@dataclass(frozen=True)
class User:
    """Somebody the server vouches for."""

    id: str
    """What memory and restrictions are kept under."""
    token: str | None
    """Brings the same user back; None where an API key does."""


class Access:
    """Tells users apart."""

    def __init__(self, secret: bytes, keys: Sequence[str] = ()) -> None:
        """`secret` signs tokens. `keys`: who has none of them is refused; none: anybody may come.

        Raises `BadInput` for an empty key.
        """
        if not all(keys):
            raise BadInput("keys", "", "an empty key would let everybody in")
        self._secret = secret
        self._keys = tuple(key.encode() for key in keys)

    def admit(self, key: str | None, identity: str | None) -> User:
        """The user that a key or a token stands for; a new one where neither was given.

        Raises `Refused` for a wrong key, or a token that this server did not sign.
        """
        if self._keys:
            return self._by_key(key)
        return self._by_token(identity) if identity else self.newcomer()

    def newcomer(self) -> User:
        """A user who was never here."""
        name = f"u_{secrets.token_hex(12)}"
        return User(name, f"{_VERSION}.{name}.{self._sign('token', name)}")

    @property
    def needs_key(self) -> bool:
        """Whether nobody gets in without an API key."""
        return bool(self._keys)

    def _by_key(self, key: str | None) -> User:
        given = (key or "").encode("utf-8", "surrogatepass")
        # every key is compared, so that the time taken tells nothing
        known = [hmac.compare_digest(given, one) for one in self._keys]
        if not any(known):
            problem = "unknown" if key else "missing"
            raise Refused("unauthorised", f"key: {problem}; this server asks for one", "key")
        return User(f"k_{self._sign('key', key or '')[:24]}", None)

    def _by_token(self, token: str) -> User:
        version, _, rest = token.partition(".")
        name, _, signature = rest.rpartition(".")
        right = self._sign("token", name)
        given = signature.encode("utf-8", "surrogatepass")
        if version != _VERSION or not hmac.compare_digest(given, right.encode()):
            raise Refused(
                "bad_identity",
                "identity: not a token of this server (another one's, or changed); leave it out"
                " to come as a new user",
                "identity",
            )
        return User(name, token)

    def _sign(self, use: str, text: str) -> str:
        message = f"cleans2s {use} {text}".encode("utf-8", "surrogatepass")
        digest = hmac.new(self._secret, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def load_secret(folder: Path) -> bytes:
    """The signing key of a data folder, made at the first call and readable by its owner only.

    Where the folder cannot be written it is good for this process, which is said once. Raises
    `BadInput` for a key file that is damaged.
    """
    file = folder / KEY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _write_new(file, secrets.token_bytes(_KEY_BYTES))
        secret = file.read_bytes()
    except OSError as error:
        log.warning(
            "%s cannot be kept (%s): users will be strangers after a restart", file, error.strerror
        )
        return secrets.token_bytes(_KEY_BYTES)
    if len(secret) != _KEY_BYTES:
        raise BadInput(
            str(file),
            f"{len(secret)} bytes",
            f"should hold {_KEY_BYTES} bytes; without it (delete it) every user is a stranger",
        )
    return secret


def _write_new(file: Path, content: bytes) -> None:
    """Writes a file whole or not at all; one that another process has made meanwhile stands."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(content)
        try:
            os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink()
