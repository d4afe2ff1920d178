"""The long short-term memory: a recurrent network whose gates keep what matters over many steps."""

from __future__ import annotations

from functools import partial

from archwise.architectures.recurrent_plan import SPACE, build_recurrent, recurrent_variants
from archwise.architectures.sequence_plan import READS, judge_sequences, sequence_need, sequence_plan
from archwise.records import Architecture, Plan, Profile, Suits


def suits(profile: Profile) -> Suits:
    """Judge the data by how many sequences there are to learn from."""
    return judge_sequences(
        profile,
        many=(0.65, "enough for a network that reads them in their order, with a memory"),
        some=(0.45, "enough for a small network that reads them in their order"),
        few=(0.25, "few to learn the vectors of words from"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return sequence_plan(profile, rate=2e-3)


ARCHITECTURE = Architecture(
    name="lstm",
    family="sequence",
    summary="a recurrent network whose gates decide what its memory keeps, takes in and gives out",
    source="Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000 for the forget gate",
    reads=READS,
    gives=("vector", "sequence", "window"),
    suits=suits,
    space=SPACE,
    need=sequence_need,
    build=partial(build_recurrent, "lstm"),
    plan=plan,
    variants=recurrent_variants,
)
