"""torchvision is imported whether or not its compiled operators load."""

from __future__ import annotations

import subprocess
import sys


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()


def test_torchvision_and_its_boxes_can_be_imported() -> None:
    code = (
        "from archwise.blocks.vision_operators import define_missing_operators as define\n"
        "held = define()\n"
        "import torchvision, torch\n"
        "assert define() is held\n"
        "boxes = torch.tensor([[0., 0., 2., 3.]])\n"
        "print(torchvision.ops.box_area(boxes).item(), hasattr(torch.ops.torchvision, 'nms'))"
    )
    assert in_a_fresh_process(code) == "6.0 True"


def test_what_is_there_already_is_left_alone() -> None:
    code = (
        "import torch\n"
        "own = torch.library.Library('torchvision', 'FRAGMENT')\n"
        "own.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "from archwise.blocks.vision_operators import define_missing_operators\n"
        "define_missing_operators()\n"
        "print(hasattr(torch.ops.torchvision, 'qnms'))"
    )
    assert in_a_fresh_process(code) == "True"
