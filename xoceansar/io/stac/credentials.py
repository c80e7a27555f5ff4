"""Keys of object storage, and tokens that are renewed before and when they expire.

References
----------
RFC 6749, The OAuth 2.0 Authorization Framework; AWS Signature Version 4.
"""

import ipaddress
import logging
import os
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from xoceansar._optional import require
from xoceansar.errors import CredentialsError
from xoceansar.io.stac.access import Access, redact

if TYPE_CHECKING:
    from requests import PreparedRequest

__all__ = ["NO_KEYS", "Bearer", "S3Signature", "bearer", "s3_signature"]

#: Where the Copernicus Data Space gives tokens.
_TOKEN_URL: Final = "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token"
_CLIENT: Final = "cdse-public"
#: Seconds before its end from which a token is renewed, and how long one lives that does not say.
_MARGIN: Final = 30.0
_LIFE: Final = 600.0
_TIMEOUT: Final = (10.0, 30.0)
NO_KEYS: Final = (
    "keys are needed to read what the catalogue lists, and there are none. Make some at "
    "https://eodata-s3keysmanager.dataspace.copernicus.eu, and set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or give storage_options={'key': ..., 'secret': ...}; or, slower, set "
    "CDSE_USERNAME and CDSE_PASSWORD. What storage_options holds stays in the process that was given it: on "
    "other machines set the environment."
)


def _is_no_secret(record: logging.LogRecord) -> bool:
    """Whether botocore says something else than what it signs, which has the session token."""
    return record.levelno > logging.DEBUG


logging.getLogger("botocore.auth").addFilter(_is_no_secret)


@dataclass(frozen=True)
class _Keys:
    key: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class S3Signature:
    """Signs requests; without keys, leaves them as they are."""

    def __init__(self, keys: _Keys | None, region: str) -> None:
        self._keys, self._region = keys, region

    def __call__(self, request: "PreparedRequest") -> "PreparedRequest":
        """Sign a request."""
        if self._keys is None:
            return request
        auth = require("botocore.auth", extra="catalogue")
        aws = require("botocore.awsrequest", extra="catalogue")
        credentials = require("botocore.credentials", extra="catalogue").Credentials(
            self._keys.key, self._keys.secret, self._keys.token
        )
        signed = aws.AWSRequest(
            method=request.method, url=request.url, headers={"Range": request.headers["Range"]}
            if "Range" in request.headers else {},
        )  # fmt: skip
        auth.S3SigV4Auth(credentials, "s3", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request


def s3_signature(access: Access) -> S3Signature | None:
    """Find what signs requests to object storage; None where there are no keys."""
    options = access.options()
    region = options.get("region_name") or os.environ.get(
        "AWS_REGION", os.environ.get("AWS_DEFAULT_REGION", "default")
    )
    if options.get("anon"):
        return S3Signature(None, region)
    key, secret = options.get("key"), options.get("secret")
    if key and secret:
        return S3Signature(_Keys(key, secret, options.get("token")), region)
    if key or secret:
        raise CredentialsError("of the keys of object storage, one is missing: give 'key' and 'secret'.")  # fmt: skip
    known = tuple(
        (name, os.environ[name]) for name in sorted(os.environ) if name[:4] == "AWS_"
    )
    keys = _environment_keys(options.get("profile"), known)
    return None if keys is None else S3Signature(keys, region)


@lru_cache(maxsize=4)
def _environment_keys(
    profile: str | None, known: tuple[tuple[str, str], ...]
) -> _Keys | None:
    """Keys of the environment or of the files that AWS tools share."""
    del known  # tells one environment from the next
    session = require("botocore.session", extra="catalogue").Session(profile=profile)
    failure = require("botocore.exceptions", extra="catalogue").BotoCoreError
    try:
        found = session.get_credentials()
    except (failure, OSError) as error:
        raise CredentialsError(
            f"the keys of AWS tools cannot be read ({type(error).__name__})."
        ) from None
    if found is None:
        return None
    frozen = found.get_frozen_credentials()
    return _Keys(frozen.access_key, frozen.secret_key, frozen.token)


class Bearer:
    """Adds a token to requests, and only to those to the hosts that the token is for."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._token = ""
        self._refresh = ""
        self._end = 0.0

    @property
    def _options(self) -> dict[str, Any]:
        environment = {
            name: os.environ.get(f"CDSE_{name.upper()}")
            for name in ("username", "password", "access_token", "refresh_token")
        }
        return {k: v for k, v in environment.items() if v} | self._access.options()

    @property
    def is_known(self) -> bool:
        """Whether there is a token, or something to get one with."""
        options = self._options
        return bool(
            options.get("access_token")
            or options.get("refresh_token")
            or (options.get("username") and options.get("password"))
        )

    def is_for(self, url: str) -> bool:
        """Whether a host may see the token: the one that gives it, and its neighbours; not in the clear."""
        parts, giver = urlsplit(url), urlsplit(self._token_url)
        host, home = parts.hostname or "", giver.hostname or ""
        if parts.scheme != "https" and not _is_loopback(host):
            return False
        return host == home or host.endswith(f".{_domain(home)}")

    @property
    def _token_url(self) -> str:
        return str(self._access.options().get("token_url") or _TOKEN_URL)

    def token(self, refused: str = "") -> str:
        """Give a token that is none of those that were refused, or about to end."""
        with self._lock:
            if self._token and self._token != refused and time.monotonic() < self._end:
                return self._token
            options = self._options
            renewable = (
                self._refresh or options.get("refresh_token") or options.get("password")
            )
            given = options.get("access_token")
            if given and given != refused and not self._token:
                self._token, self._end = given, float("inf")
                return str(given)
            if not renewable:
                raise CredentialsError(
                    "the token was refused: it has expired. Give what it is renewed with, CDSE_USERNAME and "
                    "CDSE_PASSWORD in the environment or 'username' and 'password' in storage_options."
                )
            self._renew(options)
            return self._token

    def _renew(self, options: dict[str, Any]) -> None:
        grants = [
            {"grant_type": "refresh_token", "refresh_token": refresh}
            for refresh in (self._refresh, options.get("refresh_token"))
            if refresh
        ]
        if options.get("username") and options.get("password"):
            who = {"username": options["username"], "password": options["password"]}
            grants.append({"grant_type": "password", **who})
        reason = "nothing to renew it with"
        for one in grants:
            answer, reason = self._ask({"client_id": _CLIENT, **one})
            if answer:
                self._token = str(answer["access_token"])
                self._refresh = str(answer.get("refresh_token") or "")
                life = float(answer.get("expires_in") or _LIFE)
                self._end = time.monotonic() + life - min(_MARGIN, life / 2)
                return
        raise CredentialsError(
            f"{self._token_url} gives no token ({redact(reason, self._access)}). Check the name and the password "
            "of the account, and whether it asks for a second factor, with which S3 keys are the way."
        )

    def _ask(self, form: dict[str, str]) -> tuple[dict[str, Any], str]:
        requests = require("requests", extra="catalogue")
        options = self._access.options()
        reason = ""
        for attempt in range(3):
            if attempt:
                time.sleep(attempt)
            try:
                answer = requests.post(
                    self._token_url, data=form, timeout=_TIMEOUT, allow_redirects=False,
                    auth=lambda request: request, verify=options.get("verify", True),
                )  # fmt: skip
                content = answer.json()
            except (requests.RequestException, ValueError) as error:
                reason = type(error).__name__
                continue
            if answer.status_code == 200 and content.get("access_token"):
                return content, ""
            told = content.get("error_description") or content.get("error") or ""
            reason = f"{answer.status_code}: {told}"
            if answer.status_code < 500 and answer.status_code != 429:
                break
        return {}, reason


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _domain(host: str) -> str:
    """Everything after the first name of a host; of a short or numeric one nothing is shared."""
    parts = host.split(".")
    return ".".join(parts[1:]) if len(parts) > 2 and not parts[-1].isdigit() else host


@lru_cache(maxsize=16)
def bearer(access: Access) -> Bearer:
    """Give the tokens of an access, the same to all threads."""
    return Bearer(access)
