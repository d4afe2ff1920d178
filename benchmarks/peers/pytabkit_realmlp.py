"""RealMLP with its tuned defaults, by its authors (Holzmueller et al. 2024)."""

from importlib.metadata import version

from frame import read, report
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

train, test, task = read()
kind = RealMLP_TD_Classifier if task.classify else RealMLP_TD_Regressor
medians = train.frame[train.numbers].median()  # it takes no missing numbers
model = task.timed(
    lambda: kind(random_state=task.seed, device="cpu", n_threads=2).fit(
        train.as_categories().fillna(medians), train.target
    )
)
report(task, model, test.as_categories().fillna(medians), test.target, version=version("pytabkit"))
