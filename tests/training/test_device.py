"""Devices and their random numbers."""

from __future__ import annotations

import pytest
import torch

from archwise.errors import UsageError
from archwise.training.device import own_random_numbers, pick_device, random_state, set_random_state

CPU = torch.device("cpu")


def test_auto_finds_a_device_that_works() -> None:
    assert torch.zeros(1, device=pick_device("auto")).item() == 0.0


def test_an_unknown_device_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cuda'"):
        pick_device("cudda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_this_machine_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match="'cuda' is not to be had"):
        pick_device("cuda")


def test_own_random_numbers_leave_those_outside_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with own_random_numbers(CPU, 7):
        first = torch.rand(1)
    assert torch.equal(torch.rand(2), expected)
    with own_random_numbers(CPU, 7):
        assert torch.equal(torch.rand(1), first)


def test_a_random_state_that_is_put_back_gives_the_same_numbers() -> None:
    with own_random_numbers(CPU, 0):
        state = random_state(CPU)
        drawn = torch.rand(3)
        set_random_state(CPU, state)
        assert torch.equal(torch.rand(3), drawn)
