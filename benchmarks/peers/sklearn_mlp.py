"""scikit-learn's MLP on scaled numbers and one-hot categories, early stopping on, otherwise its defaults."""

import sklearn
from frame import read, report
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.compose import TransformedTargetRegressor

train, test, task = read()
inputs = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), train.numbers),
    (OneHotEncoder(handle_unknown="ignore"), train.categories),
)
if task.classify:
    model = make_pipeline(inputs, MLPClassifier(random_state=task.seed, early_stopping=True))
else:
    body = make_pipeline(inputs, MLPRegressor(random_state=task.seed, early_stopping=True))
    model = TransformedTargetRegressor(body, transformer=StandardScaler())
model = task.timed(lambda: model.fit(train.frame, train.target))
report(task, model, test.frame, test.target, version=sklearn.__version__)
