"""Finds published encoders of texts: in the user's folder first, then on the hub; nothing here needs torch."""

from __future__ import annotations

import contextlib
import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from archwise.architectures.weights import HUB, NoWeights, fetching, from_hub, sha256_of
from archwise.data.encoder import (
    CONFIG,
    FEWEST_READ,
    FIRST_FOUND,
    POOLING,
    PUBLISHED,
    TOKENIZER,
    WEIGHTS,
    find_encoder,
    is_of_hub,
    kept_of_hub,
    read_encoder,
    read_tokenizer,
)
from archwise.errors import SourceError
from archwise.records import Inherited

CARD = "README.md"  # of the hub: it begins with the licence, among other things
_LICENCE = re.compile(r"\A---\s*\n(?:(?!---).*\n)*?license:\s*([^\n]+)\n")
_LICENCE_FILE = "LICENSE"
_LIBRARY = "transformers"
_N_SIZE = 8  # bytes at the begin of safetensors that say how long its header is
_PICKLED = "pytorch_model.bin"


def find_encoder_weights(name: str) -> Inherited:
    """Find the weights of an encoder, or the reason for which they cannot be had.

    Args:
        name: a folder, or a name as `data.encoder.find_encoder` takes it; of the hub where no folder has it.
    """
    try:
        folder = _folder_of(name)
        _check(folder, tuple(_stamp(folder / file) for file in (CONFIG, TOKENIZER, WEIGHTS)))
        _check_library()
    except (NoWeights, SourceError) as reason:
        return Inherited(why=str(reason))
    weights = folder / WEIGHTS
    wanted = PUBLISHED if name == FIRST_FOUND else name
    is_fetched = kept_of_hub(wanted, WEIGHTS) == weights if is_of_hub(wanted) else False
    origin = wanted if is_fetched else f"the folder {folder.name}"
    return Inherited(str(weights), sha256_of(weights), _licence_in(folder), origin)


def _folder_of(name: str) -> Path:
    try:
        return find_encoder(name)
    except SourceError as lacking:
        wanted = PUBLISHED if name == FIRST_FOUND else name
        if not is_of_hub(wanted):
            raise SourceError(f"{lacking}, and there is no folder {wanted}; name the folder of an encoder") from None
        with fetching(wanted, HUB, str(lacking)):
            _check_library()
            for file in (CARD, POOLING):
                with contextlib.suppress(OSError):  # who has none says nothing of it
                    from_hub(wanted, file, "text")
            for file in (CONFIG, TOKENIZER):
                from_hub(wanted, file, "text")
            return from_hub(wanted, WEIGHTS, "text").parent


def _check_library() -> None:
    """Refuse what cannot be built, before it is fetched.

    Raises:
        NoWeights: the library that builds it is not installed.
    """
    if find_spec(_LIBRARY) is None:
        raise NoWeights(f"{_LIBRARY} is not installed: pip install 'archwise[text]'")


def _stamp(path: Path) -> tuple[int, int]:
    """What tells that a file is no longer the one it was."""
    return (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else (0, 0)


@cache
def _check(folder: Path, stamps: tuple[tuple[int, int], ...]) -> None:
    """Refuse a folder that is not whole; checked once as long as its files stay as they are.

    Raises:
        SourceError: what is missing or broken.
    """
    del stamps
    read_tokenizer(read_encoder(folder), FEWEST_READ)
    _check_weights(folder / WEIGHTS)


def _check_weights(path: Path) -> None:
    """Refuse weights that are missing, in another form, or cut short, before anything is spent on them.

    Raises:
        SourceError: they are.
    """
    if not path.is_file():
        other = f"; {_PICKLED} beside it may hold code and is not read" if path.with_name(_PICKLED).is_file() else ""
        raise SourceError(f"{path}: there is no such file{other}; save the encoder as safetensors")
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        n_header = int.from_bytes(file.read(_N_SIZE), "little")
        header = file.read(n_header) if n_header < n_bytes else b""
    try:
        ends = [told["data_offsets"][1] for name, told in json.loads(header).items() if name != "__metadata__"]
    except (ValueError, LookupError, TypeError, AttributeError):
        ends = []
    if not ends or n_bytes != _N_SIZE + n_header + max(ends):
        raise SourceError(f"{path}: it is no whole file of safetensors; copy it again")


def _licence_in(folder: Path) -> str:
    """What the card or the licence beside the weights says."""
    card, licence = folder / CARD, folder / _LICENCE_FILE
    with contextlib.suppress(OSError, UnicodeError):
        found = _LICENCE.match(card.read_text(encoding="utf-8")) if card.is_file() else None
        if found:
            return found[1].strip().strip("\"'")
        if licence.is_file():
            return next((line.strip() for line in licence.open(encoding="utf-8") if line.strip()), "not told")
    return "not told in the folder"
