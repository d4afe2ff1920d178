"""Reads published weights, and puts them into the names and shapes of a network of timm, torchvision or transformers.

Files are read without running anything that is in them. A file in torchvision's layout fits timm's network of the same
kind: both build the same layers in the same order, so that tensors go by their place where names differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from archwise.blocks.vision_operators import define_missing_operators
from archwise.errors import MissingExtraError, ModelError

Tensors = dict[str, torch.Tensor]
_HELPERS = ("AuxLogits.", "aux1.", "aux2.")  # heads that serve the training of Inception alone
_COUNT = ".num_batches_tracked"  # old files lack it, and nothing that is inherited reads it
_SHOWN = 3
TRANSFORMERS = "transformers"
_OLD = {".gamma": ".weight", ".beta": ".bias"}  # what the first files of BERT called the numbers of a normalisation
_UNUSED = "pooler."  # of a task that only its publisher had
_REFUSED = torch.serialization.pickle.UnpicklingError  # type: ignore[attr-defined]  # of a file that holds more


def make_model(library: str, model: str) -> nn.Module:
    """Build a network without any numbers in it (on torch's meta device): of ImageNet's 1,000 classes, or an encoder.

    Args:
        library: "timm", "torchvision" or "transformers". model: its name there, or the folder of an encoder.

    Raises:
        MissingExtraError: the library is not installed.
    """
    define_missing_operators()
    try:
        if library == TRANSFORMERS:
            return _make_encoder(model)
        with torch.device("meta"):
            if library == "torchvision":
                import torchvision

                return torchvision.models.get_model(model, weights=None).eval()  # type: ignore[no-any-return]
            import timm

            return timm.create_model(model, pretrained=False).eval()  # type: ignore[no-any-return]
    except ImportError as error:
        extra = "text" if library == TRANSFORMERS else "vision"
        raise MissingExtraError(f"pretrained networks need {error.name}: pip install 'archwise[{extra}]'") from None


def read_weights(path: Path) -> Tensors:
    """Read a state dict of safetensors or of torch.

    Raises:
        ModelError: the file cannot be read, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, SafetensorError, _REFUSED, RuntimeError, EOFError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path}: the weights cannot be read ({words}); copy the file again") from None
    for name in ("state_dict", "model"):
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            held = held[name]
    if not isinstance(held, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in held.values()):
        raise ModelError(f"{path}: no state dict, which holds tensors by name; name another file")
    return {str(name).removeprefix("module."): tensor for name, tensor in held.items()}


def fit_layout(held: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], source: str) -> Tensors:
    """Put weights into the names and shapes of a network.

    Args:
        held: as they were read. wanted: the state dict of the network, of which names and shapes count.
        source: how to name the weights to the user.

    Raises:
        ModelError: they are of another network; what is missing, unexpected or of another shape is named.
    """
    held = {name: tensor for name, tensor in held.items() if not name.startswith(_HELPERS)}
    counts = {name: torch.zeros((), dtype=torch.int64) for name in wanted if name.endswith(_COUNT)}
    if not any(name.endswith(_COUNT) for name in held):
        wanted = {name: tensor for name, tensor in wanted.items() if name not in counts}
    else:
        counts = {}
    if held.keys() != wanted.keys() and [t.numel() for t in held.values()] == [t.numel() for t in wanted.values()]:
        pairs = zip(wanted.items(), held.values(), strict=True)
        held = {name: tensor.reshape(like.shape) for (name, like), tensor in pairs}
    held = {name: _flat(tensor, wanted.get(name)) for name, tensor in held.items()}
    wrong = _differences(held, wanted)
    if wrong:
        raise ModelError(f"{source}: the weights are of another network: {'; '.join(wrong)}; name another file")
    return {**held, **counts}


def _flat(tensor: torch.Tensor, like: torch.Tensor | None) -> torch.Tensor:
    """A fully connected layer and a convolution over all that it sees are the same numbers."""
    if like is None or {tensor.ndim, like.ndim} != {2, 4} or tensor.numel() != like.numel():
        return tensor
    return tensor.reshape(like.shape)


def _differences(held: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> list[str]:
    missing = [name for name in wanted if name not in held]
    unexpected = [name for name in held if name not in wanted]
    shapes = [
        f"{name} is {tuple(held[name].shape)} in place of {tuple(like.shape)}"
        for name, like in wanted.items()
        if name in held and held[name].shape != like.shape
    ]
    told = []
    for words, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            told.append(f"{len(names)} {words} ({', '.join(names[:_SHOWN])}{more})")
    return told


def load_model(library: str, model: str, path: Path) -> nn.Module:
    """The network of `make_model` with the weights of a file, ready to answer.

    Raises:
        ModelError: the file cannot be read, or is of another network.
        MissingExtraError: the library is not installed.
    """
    built = make_model(library, model)
    if library == TRANSFORMERS:
        return _load_encoder(built, path)
    weights = fit_layout(read_weights(path), built.state_dict(), f"{path} as {model}")
    built.load_state_dict(weights, assign=True)
    return built.eval()


def _make_encoder(folder: str) -> nn.Module:
    """The encoder that a configuration describes; no code that may lie beside it is run."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        return AutoModel.from_config(config, attn_implementation="sdpa").eval()  # type: ignore[no-any-return]


def _load_encoder(built: nn.Module, path: Path) -> nn.Module:
    """Put the weights of a file into an encoder: of a network for another task the encoder inside it is read.

    Raises:
        ModelError: the file cannot be read, or is of another network.
    """
    prefix = f"{built.base_model_prefix}."
    wanted = {name: tensor for name, tensor in built.state_dict().items() if not name.startswith(_UNUSED)}
    held = {}
    for name, tensor in read_weights(path).items():
        for old, new in _OLD.items():
            name = f"{name.removesuffix(old)}{new}" if name.endswith(old) else name
        name = name.removeprefix(prefix)
        if name in wanted:
            held[name] = tensor.float()
    wrong = _differences(held, wanted)
    if wrong:
        raise ModelError(f"{path}: the weights are of another network: {'; '.join(wrong)}; name another folder")
    built.load_state_dict(held, strict=False, assign=True)
    return built.eval()
