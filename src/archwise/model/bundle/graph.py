"""A graph while it grows: nodes in the order of computation, constants, and the inputs they begin from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from archwise.records import Array

ML_OPSET = 5  # of ai.onnx.ml, where a graph does not say it: TreeEnsemble came with it
INNER = "archwise/"  # what the names inside begin with
Dtype = Literal["float64", "float32", "int64", "uint8", "string", "bool"]


@dataclass(frozen=True)
class GraphInput:
    """One input of the graph: (N, *row) of dtype, where None is an axis of any length.

    column: whose cells it takes. prepared: where the graph does not prepare them, which input of the model it is.
    """

    name: str
    dtype: Dtype
    row: tuple[int | None, ...]
    column: str
    prepared: str = ""


@dataclass
class Graph:
    """What was added so far."""

    inputs: list[GraphInput] = field(default_factory=list)
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    names: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    n_named: int = 0

    def take(self, given: GraphInput) -> str:
        """Add an input.

        Returns:
            its name.
        """
        self.inputs.append(given)
        return given.name

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
        *,
        domain: str = "",
        output: str = "",
    ) -> str:
        """Add a node of one output.

        Args:
            inputs: names; "" for one that is left out.
            output: the name of what it gives, where it must have a certain one.

        Returns:
            the name of what it gives.
        """
        from onnx import helper

        self.n_named += 1
        name = output or f"{INNER}{self.n_named}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **(attributes or {})))
        return name

    def either(self, condition: str, when_true: Callable[[], str], when_false: Callable[[], str]) -> str:
        """Add what one of two functions adds, whichever a condition asks for when the graph runs.

        Args:
            condition: name of one bool.
            when_true, when_false: add nodes, and give the name of what they end in.
        """
        from onnx import helper

        branches = []
        for make in (when_true, when_false):
            before = len(self.nodes)
            end = make()
            held, self.nodes[before:] = self.nodes[before:], []
            gives = helper.make_empty_tensor_value_info(end)
            branches.append(helper.make_graph(held, "branch", [], [gives]))
        return self.add("If", [condition], {"then_branch": branches[0], "else_branch": branches[1]})

    def scan(
        self,
        state: str,
        steps: Sequence[str],
        make: Callable[[str, Sequence[str]], tuple[str, str]],
        *,
        is_backward: bool = False,
    ) -> tuple[str, str]:
        """Add what a function adds, once for each step when the graph runs.

        Args:
            state: name of what it begins with. steps: names of what is read step by step, along the first axis.
            make: adds nodes from the names of the state and of one step of each, and gives the names of the next state
                and of what is kept of this step.
            is_backward: whether the last step comes first.

        Returns:
            the names of the last state, and of what was kept of all steps, in their order.
        """
        from onnx import helper

        self.n_named += 1
        name, before = f"{INNER}{self.n_named}", len(self.nodes)
        takes = [f"{name}/state", *(f"{name}/step{place}" for place in range(len(steps)))]
        ends = make(takes[0], takes[1:])
        held, self.nodes[before:] = self.nodes[before:], []
        infos = helper.make_empty_tensor_value_info
        body = helper.make_graph(held, "step", [infos(each) for each in takes], [infos(each) for each in ends])
        directions = {"scan_input_directions": [int(is_backward)] * len(steps)}
        directions |= {"scan_output_directions": [int(is_backward)]}
        given = [f"{name}/end", f"{name}/kept"]
        self.nodes.append(
            helper.make_node("Scan", [state, *steps], given, body=body, num_scan_inputs=len(steps), **directions)
        )
        return given[0], given[1]

    def hold(self, values: Any, dtype: Any = np.float64) -> str:
        """Add a constant, once for as often as it is held.

        Returns:
            its name.
        """
        array = np.asarray(values, dtype)
        key = array.dtype.str, array.shape, repr(array.tolist()).encode() if dtype is object else array.tobytes()
        if key not in self.names:
            self.names[key] = f"{INNER}constant/{len(self.names)}"
            self.constants[self.names[key]] = array
        return self.names[key]

    def cast(self, values: str, dtype: Dtype) -> str:
        """The values in another type."""
        return self.add("Cast", [values], {"to": element_type(dtype)})

    def pick(self, values: str, columns: Sequence[int]) -> str:
        """Some columns of (N, D), in the order in which they are named."""
        return self.add("Gather", [values, self.hold(columns, np.int64)], {"axis": 1})

    def within(self, values: str, low: float, high: float) -> str:
        """The float64 values, none below or above two limits."""
        return self.add("Max", [self.add("Min", [values, self.hold(high)]), self.hold(low)])


def element_type(dtype: Dtype) -> int:
    """The number by which ONNX knows a type."""
    from onnx import TensorProto

    numbers: dict[str, int] = {
        "float64": TensorProto.DOUBLE,
        "float32": TensorProto.FLOAT,
        "int64": TensorProto.INT64,
        "uint8": TensorProto.UINT8,
        "string": TensorProto.STRING,
        "bool": TensorProto.BOOL,
    }
    return numbers[dtype]
