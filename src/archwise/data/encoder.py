"""A published encoder of texts as a folder: where it lies, what its configuration says, and its own tokenizer.

The folder has the form of the hub: config.json, tokenizer.json, model.safetensors. It is named by a path, or by a name
that is looked for in the folder of `ARCHWISE_WEIGHTS` and among what was fetched before. Nothing here needs torch, and
nothing is fetched.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archwise.data.word_vectors import FOLDER_VARIABLE
from archwise.errors import SourceError
from archwise.records import Json

PUBLISHED = "sentence-transformers/all-MiniLM-L6-v2"  # for whoever names none and has none
FIRST_FOUND = "first-found"  # the name of whichever the folder of ARCHWISE_WEIGHTS has, else of PUBLISHED
CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
POOLING = "1_Pooling/config.json"  # of sentence-transformers: how the vectors of tokens become one
FEWEST_READ = 8  # tokens of a text, so that some are left beside the special ones
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_PADDING = {"bert": 0, "distilbert": 0, "roberta": 1, "xlm-roberta": 1, "camembert": 1}  # where it is not told
_PLACES_BEHIND_PADDING = ("roberta", "xlm-roberta", "camembert")  # their first token has the place behind padding's
_SIZES = {"distilbert": ("n_layers", "dim")}  # names of its layers and its width, where they are others


@dataclass(frozen=True)
class Encoder:
    """What a folder says of its encoder.

    kind: of network, "bert" and its like. padding: its number for padding. first_place: of the first token among the
    vectors of places. longest: tokens of a text at most. n_layers, width, size: layers, numbers of a token, tokens.
    """

    folder: Path
    kind: str
    padding: int
    first_place: int
    longest: int
    n_layers: int
    width: int
    size: int


def find_encoder(name: str) -> Path:
    """The folder of an encoder: a path, or one of that name, with or without its owner, in ARCHWISE_WEIGHTS or kept.

    Args:
        name: FIRST_FOUND for PUBLISHED, or else the first that ARCHWISE_WEIGHTS holds.

    Raises:
        SourceError: there is none.
    """
    wanted = PUBLISHED if name == FIRST_FOUND else name
    named = os.environ.get(FOLDER_VARIABLE, "")
    places = [] if name == FIRST_FOUND else [Path(wanted)]
    if named:
        places += [Path(named) / wanted, Path(named) / wanted.rpartition("/")[2]]
        if name == FIRST_FOUND and Path(named).is_dir():
            places += sorted(place.parent for place in Path(named).glob(f"*/{CONFIG}"))
    found = next((place for place in places if place.is_dir()), None) or _kept(wanted)
    if found is None:
        lacks = f"the folder {named} has no {wanted}" if named else f"{FOLDER_VARIABLE} names no folder"
        raise SourceError(lacks)
    return found


def _kept(repository: str) -> Path | None:
    """Where an earlier run put an encoder that it fetched from the hub."""
    if not is_of_hub(repository):
        return None
    found = [kept_of_hub(repository, file) for file in (CONFIG, TOKENIZER, WEIGHTS)]
    return None if found[0] is None or None in found else found[0].parent


def is_of_hub(name: str) -> bool:
    """Whether a name may be that of a repository of the hub, OWNER/NAME."""
    return _REPOSITORY.fullmatch(name) is not None


def kept_of_hub(repository: str, file: str) -> Path | None:
    """Where the library of the hub keeps a file that was fetched before; None where it was not."""
    with contextlib.suppress(ImportError):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repository, file)
        return Path(found) if isinstance(found, str) else None
    return None


def read_encoder(folder: Path) -> Encoder:
    """What the configuration of an encoder says.

    Raises:
        SourceError: it is missing, broken, or of a network that is not read.
    """
    path = folder / CONFIG
    said = _read_object(path)
    kind = said.get("model_type")
    if kind not in _PADDING:
        told = "no model_type" if kind is None else f"a {kind}"
        raise SourceError(f"{path}: {told}; encoders that are read: {', '.join(_PADDING)}")
    if said.get("position_embedding_type", "absolute") != "absolute":
        raise SourceError(f"{path}: places that are not absolute are not read; name another encoder")
    layers, width = _SIZES.get(kind, ("num_hidden_layers", "hidden_size"))
    sizes = [_whole(said, name, path) for name in ("max_position_embeddings", layers, width, "vocab_size")]
    padding = said.get("pad_token_id")
    padding = padding if isinstance(padding, int) and 0 <= padding < sizes[3] else _PADDING[kind]
    first = padding + 1 if kind in _PLACES_BEHIND_PADDING else 0
    return Encoder(folder, kind, padding, first, sizes[0] - first, *sizes[1:])


def read_tokenizer(encoder: Encoder, longest: int) -> str:
    """The tokenizer of an encoder as JSON: it cuts texts to so many tokens, its special ones among them, and pads none.

    Args:
        longest: tokens, from FEWEST_READ.

    Raises:
        SourceError: it is missing or broken, or has other tokens than the encoder.
    """
    from tokenizers import Tokenizer

    path = encoder.folder / TOKENIZER
    if not path.is_file():
        raise SourceError(
            f"{path}: there is no such file, by which the encoder's texts are cut; save its fast tokenizer"
        )
    try:
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: it cannot be read ({error}); copy the file again") from None
    most = max(tokenizer.get_vocab().values(), default=0)
    if most >= encoder.size:
        raise SourceError(f"{path}: it has a token {most}, and the encoder {encoder.size} tokens; it is of another one")
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return str(tokenizer.to_str())


def published_pooling(folder: Path) -> str:
    """How an encoder's own publisher makes one vector of those of all tokens: "cls" or "mean"."""
    path = folder / POOLING
    said = _read_object(path) if path.is_file() else {}
    return "cls" if said.get("pooling_mode_cls_token") is True else "mean"


def _read_object(path: Path) -> Mapping[str, Json]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"{path}: there is no such file, so this is no folder of an encoder; name another") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: it cannot be read ({error}); copy the file again") from None
    if not isinstance(said, dict):
        raise SourceError(f"{path}: it holds no object of JSON; copy the file again")
    return said


def _whole(said: Mapping[str, Json], name: str, path: Path) -> int:
    value = said.get(name)
    if not isinstance(value, int) or value < 1:
        raise SourceError(f"{path}: '{name}' is {value!r}, expected a whole number from 1; copy the file again")
    return value
