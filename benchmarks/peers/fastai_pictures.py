"""fastai on class folders: python fastai_pictures.py FOLDER ARRAYS BATCH RATE; prints the second epoch's seconds."""

import json
import sys
import time

import torch

# torchvision's compiled operators may be of another build; it registers shapes for these two when it is imported
library = torch.library.Library("torchvision", "FRAGMENT")
for schema in (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
):
    library.define(schema)

from fastai.callback.core import Callback  # noqa: E402
from fastai.callback.progress import ProgressCallback  # noqa: E402, F401  it gives a learner no_bar
from fastai.learner import Learner  # noqa: E402
from fastai.losses import CrossEntropyLossFlat  # noqa: E402
from fastai.vision.data import ImageDataLoaders  # noqa: E402
from torch import nn  # noqa: E402


class Clock(Callback):
    """Keeps the seconds of each epoch's training."""

    def __init__(self):
        self.seconds = []

    def before_train(self):
        self.started = time.perf_counter()

    def after_train(self):
        self.seconds.append(time.perf_counter() - self.started)


def network():
    layers, channels = [], 3
    for width in (32, 64, 128):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def main():
    folder, _, batch, rate = sys.argv[1:]
    loaders = ImageDataLoaders.from_folder(folder, valid_pct=0.004, bs=int(batch), num_workers=2, seed=0)
    clock = Clock()
    learner = Learner(loaders, network(), loss_func=CrossEntropyLossFlat(), cbs=clock)
    with learner.no_bar(), learner.no_logging():
        learner.fit(2, float(rate))
    print(json.dumps({"seconds": round(clock.seconds[1], 2)}))


if __name__ == "__main__":
    main()
