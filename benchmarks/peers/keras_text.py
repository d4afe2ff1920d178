"""Keras on torch, arrays in memory: python keras_text.py ARRAYS CELL DEVICE WHO; prints the second epoch's seconds."""

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers

BATCH, RATE = 64, 2e-3


class Clock(keras.callbacks.Callback):
    """Keeps the moments at which epochs end."""

    def __init__(self):
        super().__init__()
        self.moments = []

    def on_epoch_end(self, *_):
        self.moments.append(time.perf_counter())


def main():
    arrays, cell, device, _ = sys.argv[1:]
    if device == "cpu":
        import torch

        torch.set_default_device("cpu")
    with np.load(arrays) as held:
        tokens, labels, n_words = held["tokens"], held["labels"], int(held["n_words"])
    layer = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}[cell]
    start = keras.initializers.RandomNormal(stddev=0.05)
    model = keras.Sequential(
        [
            keras.Input((tokens.shape[1],), dtype="int64"),
            layers.Embedding(n_words, 128, mask_zero=True, embeddings_initializer=start),
            layer(128),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(RATE, weight_decay=0.01, clipnorm=1.0), loss)
    clock = Clock()
    model.fit(tokens, labels, batch_size=BATCH, epochs=2, verbose=0, callbacks=[clock])
    print(json.dumps({"seconds": round(clock.moments[1] - clock.moments[0], 3)}))


if __name__ == "__main__":
    main()
