"""Plain PyTorch: python torch_text.py ARRAYS CELL DEVICE plain|padded; prints the second epoch's seconds."""

import json
import sys
import time

import numpy as np
import torch
from torch import nn

BATCH, RATE = 64, 2e-3


class Network(nn.Module):
    """The state at the end of each sentence, and a linear layer."""

    def __init__(self, n_words, cell):
        super().__init__()
        self.embedding = nn.Embedding(n_words, 128, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](128, 128, batch_first=True)
        self.head = nn.Linear(128, 2)

    def forward(self, tokens):
        states, _ = self.layer(self.embedding(tokens))
        last = (tokens != 0).sum(1).clamp(min=1) - 1
        return self.head(states[torch.arange(len(tokens), device=tokens.device), last])


def batches(lengths, kind):
    """Row numbers of an epoch: batches of like length in any order, or of any length."""
    order = torch.randperm(len(lengths))
    if kind == "plain":
        order = order[torch.argsort(lengths[order], stable=True)]
    every = [order[start : start + BATCH] for start in range(0, len(order) - BATCH + 1, BATCH)]
    return [every[place] for place in torch.randperm(len(every))]


def main():
    arrays, cell, device, kind = sys.argv[1:]
    with np.load(arrays) as held:
        tokens, labels = torch.from_numpy(held["tokens"]), torch.from_numpy(held["labels"])
        network = Network(int(held["n_words"]), cell).to(device)
    lengths = (tokens != 0).sum(1)
    tokens, labels = tokens.to(device), labels.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01, fused=True)
    network.train()
    for _ in range(2):
        began = time.perf_counter()
        for rows in batches(lengths, kind):
            longest = int(lengths[rows].max()) if kind == "plain" else tokens.shape[1]
            rows = rows.to(device)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(tokens[rows, :longest]), labels[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        loss.item()
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": round(seconds, 3)}))


if __name__ == "__main__":
    main()
