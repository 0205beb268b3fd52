"""Compiled objects on disk, for other processes.

A file per object, named by the hash of all that the object depends on. Files are written under a
temporary name and moved, so that readers see whole ones; what cannot be read, or does not have the
checksum it claims, counts as absent. Whatever goes wrong with the disk, there is just no cache.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from funcgrad import config

__all__ = ["attempt", "directory", "key_of", "read", "sweep", "write"]

_VERSION = "1"  # of the files, and of what compiling means besides what is in the key
_MAGIC = b"funcgrad object\n"
_SUFFIX = ".object"
_NOTE = ".attempt"
_STRIKES = 2  # processes that may end while they compile a program, before none tries it again
_SWEEP = 64  # a sweep per so many writes
_OLD = 86400.0  # seconds after which a temporary file or note goes

_writes = 0


def key_of(parts: Sequence[str]) -> str:
    """The name of an object by all that it depends on."""
    joined = "\0".join((_VERSION, *parts))
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def directory() -> Path | None:
    """Where objects are kept, or None where they are not."""
    if not config.disk_cache:
        return None
    chosen = os.environ.get("FUNCGRAD_CACHE_DIR")
    try:
        return Path(chosen) if chosen else _conventional()
    except RuntimeError:  # there is no home
        return None


def _conventional() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "funcgrad" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "funcgrad"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "funcgrad"


def _is_ours(folder: Path) -> bool:
    """Code is loaded from it: nobody else may be able to put files there."""
    if sys.platform == "win32":
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read(key: str) -> bytes | None:
    """The object of this name, if it is there and whole."""
    folder = directory()
    if folder is None:
        return None
    path = folder / (key + _SUFFIX)
    try:
        content = path.read_bytes()
        if not _is_ours(folder):
            return None
        data = _unpacked(content)
        if data is None:
            path.unlink()
        else:
            os.utime(path)  # the least recently used go first
        return data
    except OSError:
        return None


def _unpacked(content: bytes) -> bytes | None:
    start = len(_MAGIC) + 32
    data = content[start:]
    good = (
        content.startswith(_MAGIC) and hashlib.sha256(data).digest() == content[len(_MAGIC) : start]
    )
    return data if good else None


def write(key: str, data: bytes) -> None:
    """Keep an object, if the disk lets us."""
    global _writes
    folder = directory()
    if folder is None or len(data) > config.disk_cache_bytes:
        return
    temporary = folder / f".{key[:16]}-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder):
            return
        temporary.write_bytes(_MAGIC + hashlib.sha256(data).digest() + data)
        os.replace(temporary, folder / (key + _SUFFIX))
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        return
    if _writes % _SWEEP == 0:
        sweep()
    _writes += 1


@contextmanager
def attempt(key: str) -> Iterator[bool]:
    """Note on disk that a program is being compiled; yields whether that is safe to try.

    A compiler that ends the process leaves its note behind, and later processes keep away.
    """
    folder = directory()
    path = None if folder is None or os.name != "posix" else folder / (key + _NOTE)
    try:
        seen = path.read_text().split() if path is not None else []
    except OSError:
        seen = []
    if sum(not _is_alive(process) for process in seen) >= _STRIKES:
        yield False
        return
    try:
        if path is not None and path.parent.is_dir():
            with path.open("a") as file:
                file.write(f"{os.getpid()}\n")
    except OSError:
        path = None
    try:
        yield True
    finally:
        if path is not None:
            with suppress(OSError):
                path.unlink()


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        return True
    return True


def _is_passing(name: str) -> bool:
    """Whether a file is there for the time of a compilation only."""
    return name.startswith(".") or name.endswith(_NOTE)


def sweep() -> None:
    """Remove the least recently used objects, down to three quarters of what is allowed."""
    folder = directory()
    if folder is None:
        return
    found = []
    with suppress(OSError):
        for item in os.scandir(folder):
            with suppress(OSError):  # another process may be sweeping too
                info = item.stat()
                if item.name.endswith(_SUFFIX):
                    found.append((info.st_mtime_ns, info.st_size, item.path))
                elif _is_passing(item.name) and time.time() - info.st_mtime > _OLD:
                    os.unlink(item.path)
    total = sum(size for _, size, _ in found)
    if total <= config.disk_cache_bytes:
        return
    for _, size, path in sorted(found):
        if total <= config.disk_cache_bytes * 3 // 4:
            break
        with suppress(OSError):
            os.unlink(path)
        total -= size
