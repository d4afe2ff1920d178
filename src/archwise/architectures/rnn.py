"""The plain recurrent network: one state, made anew at every step."""

from __future__ import annotations

from functools import partial

from archwise.architectures.recurrent_plan import SPACE, build_recurrent, recurrent_variants
from archwise.architectures.sequence_plan import READS, judge_sequences, sequence_plan, text_need
from archwise.records import Architecture, Plan, Profile, Suits


def suits(profile: Profile) -> Suits:
    """Judge the data by how many sequences there are to learn from."""
    return judge_sequences(
        profile,
        many=(0.35, "enough for a recurrent network; a plain one forgets what is more than some ten steps away"),
        some=(0.25, "few for a network, and a plain one forgets what is more than some ten steps away"),
        few=(0.15, "too few to learn the vectors of words from"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return sequence_plan(profile, rate=1e-3)


ARCHITECTURE = Architecture(
    name="rnn",
    family="sequence",
    summary="a plain recurrent network: each step's state is a bent sum of the step and of the state before",
    source="Elman 1990",
    reads=READS,
    gives=("vector", "sequence", "window"),
    suits=suits,
    space=SPACE,
    need=text_need,
    build=partial(build_recurrent, "rnn"),
    plan=plan,
    variants=lambda profile: recurrent_variants(profile)[:1],
)
