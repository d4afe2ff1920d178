"""Weights of linear models, as scikit-learn fits them, of rows that may be sparse."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np

from archwise.records import Array

LOGGER = logging.getLogger(__name__)
MOST_STEPS = 5_000
ABSENT = -30.0  # logit of a class that no training row has: a chance of about 1e-13


def fit_linear(rows: Any, targets: Array, penalty: float, task: str, *, n_outputs: int) -> tuple[Array, Array]:
    """Fit the linear model of a task.

    Args:
        rows: (N, D) float64, an array or a sparse matrix.
        targets: (N,) or (N, K), encoded.
        penalty: on the squared weights.
        task: "classify" by logistic regression, "multilabel" by one for each label, "regress" by ridge regression.
        n_outputs: K.

    Returns:
        weights (D, K) and intercepts (K,).
    """
    if task == "regress":
        return _fit_ridge(rows, targets, penalty)
    if task == "multilabel":
        return _fit_labels(rows, targets, penalty)
    return _fit_logistic(rows, targets, penalty, n_outputs)


def _fit_logistic(rows: Any, targets: Array, penalty: float, n_outputs: int) -> tuple[Array, Array]:
    """Weights (D, K) and intercepts (K,) of the logits; a class without rows gets a logit far below."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((rows.shape[1], n_outputs))
    intercepts = np.full(n_outputs, ABSENT)
    present = np.unique(targets)
    intercepts[present] = 0.0
    if len(present) == 1:
        return weights, intercepts
    model = LogisticRegression(C=1.0 / penalty, max_iter=MOST_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, targets)
    if model.n_iter_.max() >= MOST_STEPS:
        LOGGER.warning("logistic regression stopped after %d steps before it settled", MOST_STEPS)
    fitted = present[1:] if len(present) == 2 else present  # of two classes, the first has the logit 0
    weights[:, fitted] = model.coef_.T
    intercepts[fitted] = model.intercept_
    return weights, intercepts


def _fit_labels(rows: Any, targets: Array, penalty: float) -> tuple[Array, Array]:
    """Weights (D, K) and intercepts (K,) of each label's logit, each fitted for itself: one against the rest."""
    fitted = [_fit_logistic(rows, held, penalty, 2) for held in np.asarray(targets, np.int64).T]
    weights = np.stack([each[:, 1] - each[:, 0] for each, _ in fitted], axis=1)
    return weights, np.array([each[1] - each[0] for _, each in fitted])


def _fit_ridge(rows: Any, targets: Array, penalty: float) -> tuple[Array, Array]:
    """Weights (D, 1) and intercept (1,)."""
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=penalty, solver="sparse_cg", tol=1e-8).fit(rows, np.asarray(targets, np.float64))
    return model.coef_[:, None], np.array([model.intercept_])
