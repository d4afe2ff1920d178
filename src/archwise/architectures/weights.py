"""Finds weights that others have published: in the user's folder first, then where they are published.

The folder is named by `ARCHWISE_WEIGHTS`; what is fetched is kept where the library of the hub keeps it, or beside the
other caches of archwise. Nothing here needs torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.error import URLError
from urllib.parse import urlparse

from archwise.data.encoder import WEIGHTS, kept_of_hub
from archwise.data.picture_cache import cache_folder
from archwise.data.word_vectors import FOLDER_VARIABLE as FOLDER
from archwise.errors import ArchwiseError
from archwise.records import ImageNeed, Inherited

SUFFIXES = (".safetensors", ".pth", ".pt")
LARGE_MB = 120.0  # a file above it is fetched only for an architecture that the user names
ANSWER_S = 3.0  # that a hub has to answer
READ_S = 20.0  # that it may be silent while it sends
HUB = "https://huggingface.co"
_HASH = re.compile(r"-([0-9a-f]{8,64})$")


@dataclass(frozen=True)
class Member:
    """A network with published weights, and what these need of their input.

    name: for users, and of its file: NAME.pth, NAME-HEX.pth or NAME.anything.safetensors.
    library, model: who builds it. origin: a repository of the hub ("timm/resnet18.tv_in1k") or an address.
    licence: of the published weights. size_mb: of their file.
    size, share, resample: as in ImageNeed. mean, std: of each channel, of pixels from 0 to 1.
    """

    name: str
    model: str
    origin: str
    licence: str
    size_mb: float
    library: Literal["timm", "torchvision"] = "timm"
    size: int = 224
    share: float = 0.875
    resample: Literal["bilinear", "bicubic"] = "bicubic"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    @property
    def need(self) -> ImageNeed:
        """The form in which it reads pictures."""
        return ImageNeed(self.size, 3, "crop", self.share, self.resample)


class NoWeights(ArchwiseError):  # noqa: N818  it says why there are none
    """Weights cannot be had; the message says why."""


def find_weights(member: Member, *, asked: bool = False) -> Inherited:
    """Find the weights of a network, or the reason for which they cannot be had.

    Args:
        asked: whether the user named the architecture, so that a large file is fetched too.
    """
    try:
        found = _in_folder(member)
        if found is not None:
            return Inherited(str(found), sha256_of(found), _licence_beside(found), f"a file of the folder in {FOLDER}")
        fetched = _fetch(member, asked)
        return Inherited(str(fetched), sha256_of(fetched), member.licence, member.origin)
    except NoWeights as reason:
        return Inherited(why=str(reason))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, read once as long as the file stays as it is."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    del size, changed
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_folder(member: Member) -> Path | None:
    """The file of the user's folder with the name of a network, after its hash was held against its name."""
    named = os.environ.get(FOLDER)
    if not named:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise NoWeights(f"{FOLDER} names {folder}, which is no folder")
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and path.name.startswith((f"{member.name}-", f"{member.name}.")):
            _check_hash(path)
            return path
    return None


def _check_hash(path: Path) -> None:
    claimed = _HASH.search(path.stem)
    if claimed and not sha256_of(path).startswith(claimed[1]):
        raise NoWeights(
            f"{path}: its SHA-256 begins with {sha256_of(path)[: len(claimed[1])]}, its name says {claimed[1]}; "
            "copy the file again"
        )


def _licence_beside(path: Path) -> str:
    """What a file NAME.licence says beside the weights."""
    beside = path.with_suffix(".licence")
    return beside.read_text(encoding="utf-8").strip() if beside.is_file() else "not told beside the file"


# ---------------------------------------------------------------- where they are published


def _fetch(member: Member, asked: bool) -> Path:
    kept = _kept(member)
    if kept is not None:
        return kept
    folder = os.environ.get(FOLDER)
    lacks = f"the folder {folder} has no {member.name}" if folder else f"{FOLDER} names no folder"
    if member.size_mb > LARGE_MB and not asked:
        raise NoWeights(f"{lacks}, and {member.size_mb:.0f} MB are fetched only for an architecture that is named")
    with fetching(member.origin, HUB if _is_of_hub(member) else member.origin, lacks):
        return from_hub(member.origin, WEIGHTS, "vision") if _is_of_hub(member) else _from_address(member)


def _is_of_hub(member: Member) -> bool:
    return "://" not in member.origin


def _kept(member: Member) -> Path | None:
    """What an earlier run fetched."""
    if not _is_of_hub(member):
        path = _address_path(member)
        return path if path.is_file() else None
    return kept_of_hub(member.origin, WEIGHTS)


@contextlib.contextmanager
def fetching(origin: str, host: str, lacks: str) -> Iterator[None]:
    """Fetch inside, where the host answers.

    Args:
        origin, host: what is fetched, and the address of who has it. lacks: where it was looked for in vain.

    Raises:
        NoWeights: it cannot be had, and why.
    """
    silence = _silence(host)
    if silence:
        raise NoWeights(f"{lacks}, and {urlparse(host).netloc} does not answer ({silence})")
    try:
        yield
    except (OSError, URLError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NoWeights(f"{lacks}, and {origin} could not be fetched ({words})") from None


@cache
def _silence(address: str) -> str:
    """Why a host cannot be reached, or "" where it can; asked once a process."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return "HF_HUB_OFFLINE is set"
    found: list[str] = []

    def ask() -> None:
        try:
            socket.create_connection((urlparse(address).netloc, 443), timeout=ANSWER_S).close()
            found.append("")
        except OSError as error:
            found.append(error.strerror or str(error))

    asking = threading.Thread(target=ask, daemon=True)  # looking up a name has no time limit of its own
    asking.start()
    asking.join(ANSWER_S + 1.0)
    return found[0] if found else f"not within {ANSWER_S:g} s"


def from_hub(repository: str, file: str, extra: str) -> Path:
    """Fetch a file of the hub, unless it was before.

    Args:
        extra: the part of archwise that brings the library of the hub.

    Raises:
        NoWeights: the library is not installed.
        OSError: the file cannot be had.
    """
    try:
        from httpx import HTTPError
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise NoWeights(f"huggingface_hub is not installed: pip install 'archwise[{extra}]'") from None
    try:
        return Path(hf_hub_download(repository, file, etag_timeout=ANSWER_S))
    except HTTPError as error:  # of the transport, which is no OSError
        raise OSError(str(error)) from None


def _address_path(member: Member) -> Path:
    return cache_folder().parent / "weights" / Path(urlparse(member.origin).path).name


def _from_address(member: Member) -> Path:
    """Fetch a file whose name carries the beginning of its SHA-256; it is seen under its name only when it is whole."""
    path = _address_path(member)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial")
    try:
        with urllib.request.urlopen(member.origin, timeout=READ_S) as answer, partial.open("wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
        claimed = _HASH.search(path.stem)
        if claimed and not sha256_of(partial).startswith(claimed[1]):
            raise NoWeights(f"{member.origin}: what was sent is not what its name says; try again")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
