"""Tags of words in a graph: the likeliest sequence that breaks no rule, as `tasks/tag.py` answers.

The likeliest tags of each word by itself are the best sequence too where they break no rule; so one search serves all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from archwise.model.bundle.graph import Graph
from archwise.model.facts import ModelFacts
from archwise.tasks.tag_set import IMPOSSIBLE, TagSet, allowed_steps, tag_set


def add_tags(graph: Graph, facts: ModelFacts, outputs: str) -> None:
    """Add the nodes from logits to `tags`, (N, T) names, and `p`, (N, T) of each; behind the end "" and NaN.

    Args:
        outputs: name of (N, T, K) float64, NaN behind the last word.
    """
    tags, temperature = tag_set(facts.target_state), facts.calibration.get("temperature", 1.0)
    is_none = graph.add("IsNaN", [graph.add("Gather", [outputs, graph.hold(0, np.int64)], {"axis": 2})])  # (N, T)
    apart = graph.add("Unsqueeze", [is_none, graph.hold([2], np.int64)])
    known = graph.add("Where", [apart, graph.hold(0.0), outputs])
    logits = graph.add("Div", [known, graph.hold(temperature)])
    place = _add_best(graph, tags, logits, apart) if tags.scheme else graph.add("ArgMax", [logits], {"axis": 2})
    shares = graph.add("GatherElements", [graph.add("Softmax", [logits], {"axis": 2}), place], {"axis": 2})
    share = graph.cast(graph.add("Squeeze", [shares, graph.hold([2], np.int64)]), "float32")
    graph.add("Where", [is_none, graph.hold(math.nan, np.float32), share], output="p")
    number = graph.add("Squeeze", [place, graph.hold([2], np.int64)])
    named = graph.add("Where", [is_none, graph.hold(len(tags.tags), np.int64), number])
    graph.add("Gather", [graph.hold([*tags.tags, ""], object), named], {"axis": 0}, output="tags")


def _add_best(graph: Graph, tags: TagSet, logits: str, is_none: str) -> str:
    """As `best_tags`, Viterbi: (N, T, 1) int64. A step of no word stands at the end, for none cannot be scanned."""
    step, first, last = (np.where(each, 0.0, IMPOSSIBLE) for each in allowed_steps(tags))
    by_step, none = (graph.add("Transpose", [each], {"perm": [1, 0, 2]}) for each in (logits, is_none))
    ends = [graph.hold([each], np.int64) for each in (1, np.iinfo(np.int64).max, 0)]
    rest, rest_none = (graph.add("Slice", [each, *ends]) for each in (by_step, none))
    begin, none = (graph.add("Gather", [each, graph.hold([0], np.int64)], {"axis": 0}) for each in (by_step, none))
    no_word = graph.add("Or", [none, graph.add("Not", [none])])
    steps = [graph.add("Concat", pair, {"axis": 0}) for pair in ((rest, begin), (rest_none, no_word))]
    itself = graph.hold(np.arange(len(step))[None], np.int64)

    def reach(best: str, given: Sequence[str]) -> tuple[str, str]:
        """The best sum that ends in each tag of the next word, and from which tag it came."""
        logits_of_word, is_no_word = given
        column = graph.add("Unsqueeze", [best, graph.hold([2], np.int64)])
        paths = graph.add("Add", [column, graph.hold(step[None])])  # (N, from, to)
        came_from = graph.add("ArgMax", [paths], {"axis": 1, "keepdims": 0})
        greatest = graph.add("ReduceMax", [paths, graph.hold([1], np.int64)], {"keepdims": 0})
        reached = graph.add("Add", [greatest, logits_of_word])
        return tuple(graph.add("Where", [is_no_word, *pair]) for pair in ((best, reached), (itself, came_from)))  # type: ignore[return-value]  # of two

    def go_back(tag: str, given: Sequence[str]) -> tuple[str, str]:
        before = graph.add("GatherElements", [given[0], tag], {"axis": 1})
        return before, graph.add("Identity", [before])

    best = graph.add("Squeeze", [graph.add("Add", [begin, graph.hold(first)]), graph.hold([0], np.int64)])
    best, came_from = graph.scan(best, steps, reach)
    final = graph.add("ArgMax", [graph.add("Add", [best, graph.hold(last)])], {"axis": 1})  # (N, 1)
    _, found = graph.scan(final, (came_from,), go_back, is_backward=True)
    return graph.add("Transpose", [found], {"perm": [1, 0, 2]})
