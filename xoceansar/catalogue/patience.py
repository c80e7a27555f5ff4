"""How a catalogue is asked: again where it is busy, with pauses that grow, and never for ever."""

import time
from typing import TYPE_CHECKING, Any, Final

from pystac_client.stac_api_io import StacApiIO
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from xoceansar.errors import warn
from xoceansar.io.stac.collector import paused_collector

if TYPE_CHECKING:
    from requests import Response

#: Times that something is tried again, the first pause, and the longest, in seconds.
TRIES: Final = 5
PAUSE = 2.0
_LONGEST: Final = 60.0
#: Seconds to connect, and to wait for bytes.
TIMEOUT: Final = (10.0, 60.0)
_BUSY: Final = (408, 425, 429, 500, 502, 503, 504)
_MOVED: Final = (301, 302)


class PatientRetry(Retry):
    """Tries again whatever the method, waits as long as it is asked to, within bounds, and says so."""

    def get_backoff_time(self) -> float:
        """Seconds before the next try."""
        return min(_LONGEST, PAUSE * 2.0 ** (len(self.history) - 1))

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds that the server asks for; None where it does not, or not in words that are known."""
        try:
            asked = super().get_retry_after(response)
        except InvalidHeader:
            return None
        return None if asked is None else min(asked, _LONGEST)

    def sleep(self, response: Any = None) -> None:
        """Wait, and say why."""
        asked = None if response is None else self.get_retry_after(response)
        pause = self.get_backoff_time() if asked is None else asked
        status = self.history[-1].status
        why = "does not answer"
        if status is not None:
            why = "is busy (429)" if status == 429 else f"has a fault ({status})"
        say_pause(why, pause, len(self.history))
        time.sleep(pause)


def say_pause(why: str, pause: float, attempt: int) -> None:
    """Say that something is tried again."""
    warn(
        f"the catalogue {why}: it is asked again in {pause:.0f} s, for the "
        f"{_ORDINALS[min(attempt, TRIES) - 1]} of {TRIES} times."
    )


_ORDINALS: Final = ("first", "second", "third", "fourth", "last")


class _PageIO(StacApiIO):
    """Reads pages of many objects."""

    def json_loads(self, txt: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Parse a page."""
        with paused_collector():
            return super().json_loads(txt, *args, **kwargs)


def patient_io() -> StacApiIO:
    """Open a session of pystac-client that does not give up at once."""
    retries = PatientRetry(
        total=TRIES,
        status_forcelist=_BUSY,
        allowed_methods=None,
        raise_on_status=False,
    )
    io = _PageIO(max_retries=retries, timeout=TIMEOUT)
    io.session.hooks["response"].append(_keep_question)
    return io


def _keep_question(response: "Response", *_: Any, **__: Any) -> None:
    """Ask where a catalogue has moved to what was asked here: a plain GET would find everything."""
    if response.status_code in _MOVED and response.request.method == "POST":
        response.status_code = 308
