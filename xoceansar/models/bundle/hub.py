"""Bundles on the Hugging Face Hub, through `huggingface_hub` and its cache."""

from pathlib import Path
from typing import Final

from xoceansar._optional import require
from xoceansar.errors import BundleError

__all__ = ["PATTERNS", "download"]

#: All that is ever fetched: text and safetensors, never a pickle.
PATTERNS: Final = ("*.json", "config.sha256", "*.safetensors", "README.md")


def download(repo: str, revision: str | None = None) -> Path:
    """Fetch a bundle from the Hub, or find it in the cache.

    Notes
    -----
    `huggingface_hub` honours ``HF_HUB_OFFLINE=1`` and ``HF_HOME``, and uses the cached snapshot
    where there is no network.
    """
    hub = require("huggingface_hub", extra="models")
    try:
        folder = hub.snapshot_download(
            repo, revision=revision, allow_patterns=list(PATTERNS)
        )
    except Exception as error:
        raise BundleError(
            f"the model {repo!r} could not be fetched from the Hugging Face Hub "
            f"({type(error).__name__}: {str(error).strip().splitlines()[0]}) and is not in the "
            "local cache. Check the name and the network, or give the path of a local bundle."
        ) from error
    return Path(folder)
