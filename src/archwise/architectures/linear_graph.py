"""The rows of linear models, and the sums of what their columns say as nodes of ONNX, both in the same order.

Numbers come first, then every level of every code as a column of its own, then every term of a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archwise.data.terms import sparse_terms
from archwise.records import Array, Batch, InputSpec, Signature

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def design(signature: Signature, batch: Batch) -> csr_matrix:
    """The rows as scikit-learn reads them, (N, D) float64."""
    from scipy import sparse

    parts = []
    numbers, codes, terms = (signature.input(name) for name in ("numbers", "codes", "terms"))
    if numbers is not None:
        parts.append(sparse.csr_matrix(np.asarray(batch["numbers"], np.float64)))
    if codes is not None:
        columns = (np.asarray(batch["codes"]) + _starts(codes)).ravel()
        n_rows = len(batch["codes"])
        ends = np.arange(n_rows + 1) * codes.width
        parts.append(sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=(n_rows, sum(codes.levels))))
    if terms is not None:
        weights, places, ends = sparse_terms(batch)
        parts.append(sparse.csr_matrix((weights, places, ends), shape=(len(ends) - 1, sum(terms.levels))))
    return sparse.hstack(parts, format="csr")


def linear_nodes(signature: Signature, weights: Array, intercepts: Array) -> tuple[str, list[Any], dict[str, Array]]:
    """Nodes of the sums, in float64 so that the graph answers as the library does.

    Args:
        weights: (D, K), of the columns of `design`. intercepts: (K,).

    Returns:
        the name of the sums (B, K), the nodes, and the constants that they read.
    """
    numbers, codes, terms = (signature.input(name) for name in ("numbers", "codes", "terms"))
    first_code = numbers.width if numbers is not None else 0
    first_term = first_code + (sum(codes.levels) if codes is not None else 0)
    said, nodes, constants = "intercepts", list[Any](), {"intercepts": intercepts}
    if numbers is not None:
        said, more, held = _of_numbers(said, weights[:first_code])
        nodes, constants = nodes + more, constants | held
    if codes is not None:
        said, more, held = _of_codes(said, weights[first_code:first_term], _starts(codes))
        nodes, constants = nodes + more, constants | held
    if terms is not None:
        said, more, held = _of_terms(said, weights[first_term:])
        nodes, constants = nodes + more, constants | held
    return said, nodes, constants


def _of_numbers(said: str, weights: Array) -> tuple[str, list[Any], dict[str, Array]]:
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["numbers"], ["numbers_double"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["numbers_double", "weights"], ["product"]),  # (B, K)
        helper.make_node("Add", ["product", said], ["by_numbers"]),
    ]
    return "by_numbers", nodes, {"weights": weights}


def _of_codes(said: str, weights: Array, starts: Array) -> tuple[str, list[Any], dict[str, Array]]:
    from onnx import helper

    nodes = [
        helper.make_node("Add", ["codes", "starts"], ["places"]),
        helper.make_node("Gather", ["levels", "places"], ["of_levels"], axis=0),  # (B, Dc, K)
        helper.make_node("ReduceSum", ["of_levels", "columns"], ["sum"], keepdims=0),  # (B, K)
        helper.make_node("Add", ["sum", said], ["by_codes"]),
    ]
    return "by_codes", nodes, {"levels": weights, "starts": starts, "columns": np.array([1], np.int64)}


def _of_terms(said: str, weights: Array) -> tuple[str, list[Any], dict[str, Array]]:
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["term_weights"], ["shares"], to=TensorProto.DOUBLE),
        helper.make_node("Unsqueeze", ["shares", "second"], ["shares_row"]),  # (B, 1, T)
        helper.make_node("Gather", ["of_term", "terms"], ["of_terms"], axis=0),  # (B, T, K)
        helper.make_node("MatMul", ["shares_row", "of_terms"], ["weighed"]),  # (B, 1, K)
        helper.make_node("Squeeze", ["weighed", "second"], ["sum_of_terms"]),
        helper.make_node("Add", ["sum_of_terms", said], ["by_terms"]),
    ]
    return "by_terms", nodes, {"of_term": weights, "second": np.array([1], np.int64)}


def _starts(spec: InputSpec) -> Array:
    """(Dc,) where the levels of each code column begin in the one-hot row."""
    return np.concatenate([[0], np.cumsum(spec.levels)[:-1]]).astype(np.int64)
