"""Keras on torch, arrays in memory: python keras_pictures.py FOLDER ARRAYS BATCH RATE; prints the second epoch."""

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers


class Clock(keras.callbacks.Callback):
    """Keeps the moments at which epochs end."""

    def __init__(self):
        super().__init__()
        self.moments = []

    def on_epoch_end(self, *_):
        self.moments.append(time.perf_counter())


def network():
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255)])
    for width in (32, 64, 128):
        for _ in range(2):
            model.add(layers.Conv2D(width, 3, padding="same", use_bias=False))
            model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D(2))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10))
    return model


def main():
    _, arrays, batch, rate = sys.argv[1:]
    with np.load(arrays) as held:
        images, labels = held["images"], held["labels"]
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(float(rate)), loss)
    clock = Clock()
    model.fit(images, labels, batch_size=int(batch), epochs=2, verbose=0, callbacks=[clock])
    print(json.dumps({"seconds": round(clock.moments[1] - clock.moments[0], 2)}))


if __name__ == "__main__":
    main()
