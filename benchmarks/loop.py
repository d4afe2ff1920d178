"""How fast networks train: the loop beside a plain one over a DataLoader, and a stack beside one after the other.

    OMP_NUM_THREADS=1 python benchmarks/loop.py --repeats 5

Rows are drawn here (6 numbers, 8 categories, two classes). Both sides of a ratio run in turn in this process, on one
thread, and are timed in seconds of its processor, so that other work on the machine weighs on neither. Prints a line
a case and writes benchmarks/results/loop.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from archwise.architectures import architecture
from archwise.records import Candidate, InputSpec, Plan, Scalar, Signature, settings_of
from archwise.tasks import main_metric, task
from archwise.training.loop import Examples, Limit, Tools, TrainJob, train
from archwise.training.network import Network, make_network
from archwise.training.stacked import Member, pays, train_stacked

RESULTS = Path(__file__).parent / "results"
LEVELS = (10, 18, 9, 17, 8, 7, 4, 44)
SIGNATURE = Signature((InputSpec("numbers", "float32", 6), InputSpec("codes", "int64", len(LEVELS), LEVELS)), 2)
TASK = task("classify")
STATE = TASK.encode_fit(pl.Series("y", [0, 1]))
PLAN = Plan(epochs=1_000, patience=1_000)


@dataclass(frozen=True)
class Case:
    """A multi-layer perceptron, the rows of a batch, and how many train together."""

    settings: tuple[tuple[str, Scalar], ...]
    batch: int
    n_members: int = 1
    average: float = 0.995

    @property
    def label(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.settings) or "defaults"
        many = f"{self.n_members} x " if self.n_members > 1 else ""
        return f"{many}{told}, batch {self.batch}"


PLAIN_SMALL = (("layers", 2), ("numbers", "plain"), ("width", 64))
SMALL = (("layers", 2), ("width", 64))
MIDDLE = (("layers", 3), ("width", 128))
LOOPS = (Case(PLAIN_SMALL, 32), Case(PLAIN_SMALL, 256), Case(MIDDLE, 64), Case((), 256))
STACKS = (
    *(Case(SMALL, 32, n_members) for n_members in (2, 4, 8, 16)),
    Case(MIDDLE, 32, 16),
    Case((), 32, 16),
    Case(SMALL, 256, 16),
    Case((), 256, 16),
)


def draw(n: int, seed: int) -> Examples:
    """Rows whose label depends on two numbers and a category."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(n, 6)).astype(np.float32)
    codes = np.stack([generator.integers(1, levels, n) for levels in LEVELS], axis=1)
    labels = (numbers[:, 0] * numbers[:, 1] + (codes[:, 0] > 5) - 0.5 + generator.normal(size=n) > 0).astype(np.int64)
    return Examples({"numbers": numbers, "codes": codes}, labels)


def candidate_of(case: Case, number: int) -> Candidate:
    """One of the networks of a case, with a seed and a rate of its own."""
    settings = {**architecture("mlp").defaults(), **dict(case.settings)}
    plan = replace(PLAN, batch=case.batch, average=case.average, seed=number, rate=1e-3 * 1.05**number)
    return Candidate("mlp", settings_of(settings.items()), plan)


def member_of(candidate: Candidate, checkpoint: Path) -> Member:
    network = make_network(architecture("mlp"), candidate, SIGNATURE, TASK, STATE)
    job = TrainJob(TASK, STATE, main_metric(TASK, STATE), candidate.plan, "cpu")
    return Member(network, job, Tools(checkpoint, lambda point: None, time.monotonic))


def time_of(work: Callable[[Path], None]) -> float:
    """Seconds of this process's processor that a piece of work takes."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        work(Path(folder))
        return time.process_time() - began


def loop_times(case: Case, steps: int) -> tuple[float, float]:
    """The plain loop's time and ours, for as many steps, with a look at the validation rows every epoch."""
    rows, valid = draw(case.batch * 50, seed=0), draw(2_000, seed=1)
    candidate = candidate_of(case, 0)

    def plain(folder: Path) -> None:
        plain_loop(member_of(candidate, folder / "unused").network, candidate.plan, rows, valid=valid, steps=steps)

    def ours(folder: Path) -> None:
        member = member_of(candidate, folder / "checkpoint")
        limit = Limit(1_000.0, steps)
        train(member.network, member.job, train=rows, valid=valid, limit=limit, tools=member.tools)

    return time_of(plain), time_of(ours)


def plain_loop(network: Network, plan: Plan, rows: Examples, *, valid: Examples, steps: int) -> None:
    """The loop of the tutorials: a DataLoader, AdamW as it comes, gradients clipped, no weight average."""
    dataset = TensorDataset(*[torch.from_numpy(rows.batch[name]) for name in ("numbers", "codes")],
                            torch.from_numpy(rows.targets))  # fmt: skip
    loader = DataLoader(dataset, batch_size=plan.batch, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    metric, step = main_metric(TASK, STATE), 0
    while step < steps:
        network.train()
        for numbers, codes, targets in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(numbers, codes), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
            optimizer.step()
            schedule.step()
            step += 1
            if step == steps:
                break
        network.eval()
        with torch.no_grad():
            outputs = network(*[torch.from_numpy(valid.batch[name]) for name in ("numbers", "codes")])
        metric.score(valid.targets, outputs.numpy(), np.ones((1, len(valid.targets))))


def stack_times(case: Case, steps: int) -> tuple[float, float]:
    """The time of all one after the other, and stacked, for as many steps each."""
    rows, valid = draw(case.batch * 100, seed=0), draw(1_000, seed=1)
    candidates = [candidate_of(case, number) for number in range(case.n_members)]
    limit = Limit(1_000.0, steps)

    def alone(folder: Path) -> None:
        for place, candidate in enumerate(candidates):
            member = member_of(candidate, folder / str(place))
            train(member.network, member.job, train=rows, valid=valid, limit=limit, tools=member.tools)

    def stacked(folder: Path) -> None:
        members = [member_of(candidate, folder / str(place)) for place, candidate in enumerate(candidates)]
        train_stacked(members, train=rows, valid=valid, limit=limit)

    return time_of(alone), time_of(stacked)


def measure(
    times: Callable[[Case, int], tuple[float, float]], case: Case, repeats: int, *, steps: int
) -> dict[str, object]:
    """Both sides in turn, so many times; the first time, which warms up, does not count."""
    times(case, min(20, steps))
    pairs = [times(case, steps) for _ in range(repeats)]
    ratios = sorted(before / after for before, after in pairs)
    each = steps * case.n_members
    told: dict[str, object] = {
        "case": case.label,
        "steps": steps,
        "before_steps_a_s": round(each / statistics.median(before for before, _ in pairs)),
        "after_steps_a_s": round(each / statistics.median(after for _, after in pairs)),
        "ratio": round(statistics.median(ratios), 2),
        "least": round(ratios[0], 2),
        "most": round(ratios[-1], 2),
    }
    return told


def main() -> None:
    """Measure every case, tell and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400, help="of each network of the loop; a stack's take a fourth")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loops = [measure(loop_times, case, arguments.repeats, steps=arguments.steps) for case in LOOPS]
    stacks = []
    for case in STACKS:
        told = measure(stack_times, case, arguments.repeats, steps=arguments.steps // 4)
        told["the_race_stacks_it"] = pays([member_of(candidate_of(case, 0), Path("unused"))] * case.n_members)
        stacks.append(told)
    for told in (*loops, *stacks):
        print(f"{told['case']}: x {told['ratio']} ({told['least']} to {told['most']})", flush=True)
    RESULTS.mkdir(exist_ok=True)
    written = {"loop_over_dataloader": loops, "stack_over_one_after_the_other": stacks}
    (RESULTS / "loop.json").write_text(json.dumps(written, indent=1))


if __name__ == "__main__":
    main()
