"""Where a network trains, and the state of that place's random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch

from archwise.config import DEVICES
from archwise.errors import UsageError, nearest


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        UsageError: there is no such device, or this machine has none.
    """
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if has[kind]))
    if name not in has:
        raise UsageError(f"there is no device '{name}'.{nearest(name, DEVICES)}")
    if not has[name]:
        raise UsageError(
            f"the device '{name}' is not to be had here: this machine or this torch has none; use --device auto"
        )
    return torch.device(name)


@contextmanager
def own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Inside, random numbers follow the seed; outside, they are as if nothing had happened."""
    forked = [torch.cuda.current_device()] if device.type == "cuda" else []
    kept_mps = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(devices=forked):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            if kept_mps is not None:
                torch.mps.set_rng_state(kept_mps)


@cache
def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether products of bfloat16 are done by the hardware of a device."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def products(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Inside, products are of bfloat16 where the precision is "mixed" and the device is fast at them."""
    if precision != "mixed" or not has_fast_bfloat16(device):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def random_state(device: torch.device) -> torch.Tensor:
    """The state of the generator that dropout draws from on this device, as bytes on the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    if device.type == "mps":
        return torch.mps.get_rng_state()
    return torch.get_rng_state()


def set_random_state(device: torch.device, state: torch.Tensor) -> None:
    """Put back what `random_state` gave."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)
