"""What every peer shares: the rows, the clock and the score, so that only the model differs.

A peer is called as: python PEER.py TRAIN.csv TEST.csv TARGET classify|regress SECONDS SEED
and prints one line of JSON.
"""

import json
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.metrics import mean_squared_error, roc_auc_score


@dataclass
class Part:
    """Rows: a pandas frame of the inputs, and their target."""

    frame: pd.DataFrame
    target: np.ndarray
    levels: dict

    @property
    def numbers(self) -> list:
        return list(self.frame.select_dtypes("number").columns)

    @property
    def categories(self) -> list:
        return [name for name in self.frame.columns if name not in self.numbers]

    def as_categories(self) -> pd.DataFrame:
        return self.frame.astype({name: pd.CategoricalDtype(self.levels[name]) for name in self.categories})


@dataclass
class Task:
    """What is asked, and how long the fit took."""

    classify: bool
    seconds: float
    seed: int
    spent: list = field(default_factory=list)

    def timed(self, fit):
        started = time.perf_counter()
        model = fit()
        self.spent.append(time.perf_counter() - started)
        return model


def read():
    """The two parts and the task, from the command line. Levels are shared, so that categories have equal codes."""
    train_path, test_path, target, kind, seconds, seed = sys.argv[1:]
    train, test = pd.read_csv(train_path), pd.read_csv(test_path)
    both = pd.concat([train, test], ignore_index=True)
    for name in both.columns:
        if not pd.api.types.is_numeric_dtype(both[name]):
            both[name] = both[name].fillna("missing").astype(str)
    classify = kind == "classify"
    truth = both.pop(target)
    codes = (truth == sorted(truth.unique())[-1]).astype(int).to_numpy() if classify else truth.to_numpy(float)
    levels = {name: sorted(both[name].unique()) for name in both.select_dtypes(exclude="number").columns}
    parts = [Part(both.iloc[rows], codes[rows], levels) for rows in (slice(0, len(train)), slice(len(train), None))]
    return (*parts, Task(classify, float(seconds), int(seed)))


def report(task, model, frame, truth, *, version):
    """Score the model on the test part and print the line."""
    if task.classify:
        shares = np.asarray(model.predict_proba(frame))
        score = roc_auc_score(truth, shares[:, -1])
    else:
        score = mean_squared_error(truth, np.asarray(model.predict(frame)).ravel()) ** 0.5
    print(json.dumps({"score": float(score), "seconds": round(sum(task.spent), 2), "version": version}))
