"""LightGBM with its defaults: the reference that every network must beat on a table."""

import lightgbm
from frame import read, report

train, test, task = read()
kind = lightgbm.LGBMClassifier if task.classify else lightgbm.LGBMRegressor
model = task.timed(lambda: kind(random_state=task.seed, verbose=-1).fit(train.as_categories(), train.target))
report(task, model, test.as_categories(), test.target, version=lightgbm.__version__)
