"""Paths as people give them: what is a URL, what is a regular file, which folders lie in another."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from xoceansar.errors import OceansarError, PathError, warn

#: A URL that `pathlib.Path` made a path of: ``s3:/bucket``. One letter is a drive of Windows.
_LOST_SLASH: Final = re.compile(r"([a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]+:/(?!/)", re.I)
#: Where operating systems show themselves as files: endless, and nobody's data.
_PSEUDO: Final = ("/proc", "/sys", "/dev")
_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def is_url(path: str) -> bool:
    """Say whether a path is the URL of a file system that fsspec reaches."""
    return "://" in path


def path_text(path: object) -> str:
    """Return a path or URL as text."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str):
        raise PathError(
            f"a path is text or a pathlib.Path; got {type(path).__name__}. Give it as text."
        )
    if "\0" in text:
        raise PathError(f"{text!r} holds a null character, which no path does.")
    return text


def local_path(path: object) -> Path:
    """Return a local path with ``~`` expanded."""
    text = path_text(path)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise PathError(
            f"{text} begins with a home folder that this machine does not know. Give the path "
            "without '~'."
        ) from error


def refuse_lost_slash(path: str | os.PathLike[str]) -> None:
    """Refuse a URL that `pathlib.Path` has made a path of."""
    text = path_text(path)
    lost = _LOST_SLASH.match(text)
    if lost:
        raise PathError(
            f"{text} was a URL before pathlib.Path took one of its slashes. Give it as text: "
            f"{lost[0]}/{text[lost.end() :]}."
        )


def local_target(path: str | os.PathLike[str], what: str) -> Path:
    """Return the local path that something is written to."""
    text = path_text(path)
    if is_url(text) or _LOST_SLASH.match(text):
        raise PathError(
            f"{text} is a URL, and {what} is written to local paths only. Give a local path, "
            "and copy what is there afterwards (for example with fsspec, or 'aws s3 cp')."
        )
    return local_path(text)


def check_regular(
    path: str | os.PathLike[str], *, error: type[OceansarError] = PathError
) -> os.stat_result:
    """Refuse what is no regular file: reading a pipe or a device may never end."""
    try:
        status = os.stat(local_path(path))
    except FileNotFoundError as missing:
        raise error(f"{path} does not exist. Check the path.") from missing
    except (OSError, ValueError) as wrong:
        raise error(f"{path} cannot be read ({_reason(wrong)}). Check it.") from wrong
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise error(f"{path} must be a file, and is {kind}. Check the path.")
    return status


def read_regular(
    path: str | os.PathLike[str],
    *,
    most: int,
    error: type[OceansarError] = PathError,
) -> bytes:
    """Read a regular file of bounded size."""
    size = check_regular(path, error=error).st_size
    if size > most:
        raise error(
            f"{path} has {size} bytes, and at most {most} are read of such a file. Check the path."
        )
    try:
        with local_path(path).open("rb") as file:
            # what the system shows as a file of no bytes may give bytes without end
            return file.read(size)
    except OSError as wrong:
        raise error(f"{path} cannot be read ({_reason(wrong)}). Check it.") from wrong


def walk(root: str | os.PathLike[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Go through a folder and all below it, each once, links followed.

    Notes
    -----
    A folder is known by its device and inode, so that links to folders above end nothing. File systems
    in which the operating system shows itself (``/proc``) are left out.
    """
    seen: set[tuple[int, int]] = set()
    pseudo = _pseudo_devices()
    closed: list[OSError] = []

    def is_new(folder: str) -> bool:
        try:
            status = os.stat(folder)
        except OSError as error:
            closed.append(error)
            return False
        key = (status.st_dev, status.st_ino)
        if status.st_dev in pseudo or key in seen:
            return False
        seen.add(key)
        return True

    if not is_new(os.fspath(root)):
        return
    for folder, folders, files in os.walk(
        root, followlinks=True, onerror=closed.append
    ):
        folders.sort()
        yield folder, folders, sorted(files)
        folders[:] = [name for name in folders if is_new(os.path.join(folder, name))]
    if closed:
        warn(
            f"{len(closed)} folders below {root} cannot be read and are left out; the first is "
            f"{closed[0].filename} ({_reason(closed[0])}). Check their permissions."
        )


def strange_entries(
    folder: Path, depth: int | None = None
) -> Iterator[tuple[Path, str]]:
    """Find what is neither a file nor a folder inside a folder, which itself may be a link."""
    try:
        entries = list(os.scandir(folder))
    except NotADirectoryError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if depth != 1:
                yield from strange_entries(Path(entry.path), depth and depth - 1)
        elif not entry.is_file(follow_symlinks=False):
            yield Path(entry.path), _kind(entry.stat(follow_symlinks=False).st_mode)


def strange_part(folder: Path, inside: str) -> tuple[Path, str] | None:
    """Find the first part of a path that is neither a file nor a folder."""
    path = folder
    for part in inside.split("/"):
        path /= part
        try:
            mode = path.lstat().st_mode
        except OSError:
            return None
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            return path, _kind(mode)
    return None


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "no file")


def _pseudo_devices() -> set[int]:
    found = {os.stat(path).st_dev for path in _PSEUDO if os.path.isdir(path)}
    return found - {os.stat(os.sep).st_dev}


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
