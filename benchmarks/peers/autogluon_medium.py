"""AutoGluon's medium_quality preset: the best of many models, stacked."""

import tempfile

import autogluon.tabular as autogluon
from frame import read, report

train, test, task = read()
metric = "roc_auc" if task.classify else "root_mean_squared_error"
with tempfile.TemporaryDirectory() as folder:
    predictor = autogluon.TabularPredictor("__target__", path=folder, eval_metric=metric, verbosity=0)
    data = train.frame.assign(__target__=train.target)
    model = task.timed(lambda: predictor.fit(data, presets="medium_quality", time_limit=task.seconds))
    report(task, model, test.frame, test.target, version=autogluon.__version__)
