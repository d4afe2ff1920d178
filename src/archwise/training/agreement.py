"""What the members of a stack must have in common, told without torch."""

from __future__ import annotations

from dataclasses import fields

from archwise.records import Candidate, Plan

FEWEST = 4  # members that gain by a stack, measured on one thread
OWN = frozenset({"rate", "decay", "momentum", "square_momentum", "patience", "clip", "average", "seed"})  # of a plan
STARTS = frozenset({"frequency"})  # settings that only say where weights begin
SHARES = frozenset({"dropout", "residual_dropout"})  # settings that each member may have for its own, where it has any


def stack_key(candidate: Candidate) -> tuple[object, ...]:
    """What is equal for two candidates that may train in one stack, if their networks turn out alike."""
    settings = [
        (name, value != 0 if name in SHARES else value) for name, value in candidate.settings if name not in STARTS
    ]
    plan = [getattr(candidate.plan, field.name) for field in fields(Plan) if field.name not in OWN]
    return candidate.architecture, tuple(settings), tuple(plan)
