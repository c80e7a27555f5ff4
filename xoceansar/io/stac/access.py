"""What a catalogue's files are read with: settings that travel with tasks, and credentials that do not."""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from xoceansar.errors import OceansarError, PathError
from xoceansar.io.remote import StorageOptions

__all__ = ["Access", "children_environment", "grant", "public_url", "redact"]

#: Options that may be seen by anybody.
_PUBLIC: Final = frozenset(
    {
        "anon",
        "endpoint_url",
        "profile",
        "region_name",
        "requester_pays",
        "token_url",
        "verify",
    }
)
_SECRET: Final = frozenset(
    {"access_token", "key", "password", "refresh_token", "secret", "token", "username"}
)
#: Names that boto3 has for some.
_SYNONYMS: Final = {
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "aws_session_token": "token",
    "endpoint": "endpoint_url",
    "region": "region_name",
}
#: What s3fs takes and nothing here depends on: addresses are always those of paths.
_IGNORED: Final = frozenset({"config_kwargs", "s3_additional_kwargs", "use_ssl"})
_VARIABLE: Final = "XOCEANSAR_ACCESS_"
_SALT: Final = secrets.token_bytes(16)
_kept: dict[str, dict[str, str]] = {}
#: Shorter texts are no secrets, and would be found everywhere.
_SHORTEST: Final = 4


@dataclass(frozen=True)
class Access:
    """How files are reached; holds no credential, only under which name this process keeps it.

    Parameters
    ----------
    settings : str
        Options that may be seen, as JSON.
    key : str
        Of the credentials; empty where the environment has them.
    root : str
        Folder in which files are looked for first.
    cache : str
        Folder that keeps what was fetched; empty for none.
    cache_bytes : int
        What it may hold.
    """

    settings: str = "{}"
    key: str = ""
    root: str = ""
    cache: str = ""
    cache_bytes: int = 0

    def options(self) -> dict[str, Any]:
        """Return settings and credentials together, for whoever connects."""
        return {**json.loads(self.settings), **_secrets(self.key)}


def grant(options: StorageOptions | None, root: str = "") -> Access:
    """Keep credentials in this process, and give what stands for them."""
    if root and not os.path.isdir(root):
        raise PathError(
            f"root={root!r} is no folder. Give the one that files were downloaded to, or that the archive is "
            "mounted as."
        )
    given = dict(options or {})
    nested = given.pop("client_kwargs", None) or {}
    if not isinstance(nested, Mapping):
        raise OceansarError(f"client_kwargs is a mapping; got {type(nested).__name__}.")
    flat = {_SYNONYMS.get(k, k): v for k, v in {**given, **nested}.items()}
    unknown = sorted(set(flat) - _PUBLIC - _SECRET - _IGNORED)
    if unknown:
        raise OceansarError(
            f"storage_options of what a catalogue lists know no {unknown}; they have "
            f"{sorted(_PUBLIC | _SECRET)}."
        )
    hidden = {k: v for k, v in flat.items() if k in _SECRET and v is not None}
    wrong = sorted(k for k, v in hidden.items() if not isinstance(v, str))
    if wrong:
        raise OceansarError(f"{wrong} in storage_options must be text.")
    seen = {k: v for k, v in flat.items() if k in _PUBLIC and v is not None}
    try:
        settings = json.dumps(seen, sort_keys=True)
    except TypeError as error:
        raise OceansarError(
            f"storage_options holds a value that is no text or number: {sorted(seen)}."
        ) from error
    return Access(settings, _keep(hidden) if hidden else "", root)


def _keep(hidden: dict[str, str]) -> str:
    text = json.dumps(hidden, sort_keys=True)
    # salted: it tells nothing, and the same credentials give the same graph
    key = hashlib.sha256(_SALT + text.encode()).hexdigest()[:16]
    _kept[key] = hidden
    return key


def _secrets(key: str) -> dict[str, str]:
    if not key:
        return {}
    handed_on = os.environ.get(_VARIABLE + key)
    if key not in _kept and handed_on:
        _kept[key] = json.loads(handed_on)
    return _kept.get(key, {})


def children_environment() -> dict[str, str]:
    """Environment by which processes that this one starts know its credentials."""
    return {_VARIABLE + key: json.dumps(hidden) for key, hidden in _kept.items()}


def redact(text: str, access: Access) -> str:
    """Take credentials out of a message."""
    hidden = list(_secrets(access.key).values())
    hidden += [
        value
        for name, value in os.environ.items()
        if name.startswith(("AWS_", "CDSE_"))
        and any(mark in name for mark in ("KEY", "SECRET", "TOKEN", "PASSWORD"))
    ]
    for value in sorted(hidden, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, "***")
    return text


def public_url(url: str) -> str:
    """Leave out of a URL what may be a credential: a query, a name before the host."""
    if "?" not in url and "@" not in url:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
