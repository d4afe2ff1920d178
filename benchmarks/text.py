"""How fast a recurrent network learns from texts: an epoch here beside plain PyTorch and Keras, in one run.

    python benchmarks/text.py --data ../shared/data --install --repeats 5

The training part of SST-2: 6,920 sentences of 19 words on average, 50 at most. The same network everywhere: vectors of
128 numbers for 10,000 words, one LSTM or GRU of 128 units read forwards, its state at the end of the sentence, one
linear layer; batches of 64, AdamW at 2e-3, gradients clipped to 1. What is timed is the second epoch's training alone.
`plain` is a loop of PyTorch as a careful user writes it, with batches of like length (rows sorted by it, batches
shuffled); `padded` the same with batches in any order, padded to the longest of all rows. Keras runs on torch, with
mask_zero. Keras runs in an environment of its own (made with --install) under benchmarks/.peers. All have as many
threads as --threads says: one where other work runs on the machine, for two threads wait for each other.
Results: benchmarks/results/text.json and a table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from archwise.data.kinds import kind
from archwise.data.open import open_table
from archwise.records import Need, TextNeed

HERE = Path(__file__).parent
PACKAGES = ["torch==2.13.*", "keras"]
SCRIPTS = {"archwise": "text_epoch.py", "plain": "peers/torch_text.py", "padded": "peers/torch_text.py",
           "keras": "peers/keras_text.py"}  # fmt: skip
WORDS = 10_000


@dataclass(frozen=True)
class Row:
    """Seconds of one epoch, in the order of the repeats."""

    who: str
    cell: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def main() -> None:
    """Time everybody in turn, as often as is asked, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--who", nargs="*", default=list(SCRIPTS), choices=list(SCRIPTS))
    parser.add_argument("--cells", nargs="*", default=["lstm", "gru"], choices=["rnn", "lstm", "gru"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--install", action="store_true")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    if arguments.install:
        install()
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        arrays = prepare(arguments.data / "sst2" / "train.tsv", Path(name))
        for _ in range(arguments.repeats):
            for cell in arguments.cells:
                for who in arguments.who:
                    found.setdefault((cell, who), []).append(epoch_s(who, cell, arrays, arguments.device))
                    print(f"{cell:5s} {who:9s} {found[cell, who][-1]:6.2f} s", flush=True)
    report([Row(who, cell, tuple(seconds)) for (cell, who), seconds in found.items()], arguments.device)


def report(rows: list[Row], device: str) -> None:
    """Print the medians, with archwise's as shares of the others, and write all figures."""
    median = {(row.cell, row.who): row.median for row in rows}
    for row in rows:
        ours = median.get((row.cell, "archwise"))
        ratio = f"archwise {ours / row.median:.2f} x" if ours and row.who != "archwise" else ""
        print(f"{row.cell:5s} {row.who:9s} {row.median:6.2f} s ({min(row.seconds)} to {max(row.seconds)})  {ratio}")
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    facts = {"command": sys.argv[1:], "cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}
    (results / ("text.json" if device == "cpu" else f"text-{device}.json")).write_text(json.dumps(facts, indent=1))


def epoch_s(who: str, cell: str, arrays: Path, device: str) -> float:
    """Seconds of the second epoch, each time in a process of its own."""
    python = str(HERE / ".peers" / "keras" / "bin" / "python") if who == "keras" else sys.executable
    command = [python, str(HERE / SCRIPTS[who]), str(arrays), cell, device, who]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{who} failed: {done.stderr.strip().splitlines()[-1]}")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def prepare(path: Path, place: Path) -> Path:
    """The same numbers of words for everybody: tokens (N, T) int64, 0 behind the end, and labels (N,)."""
    frame = open_table(path, names=("text", "label")).frame
    texts = kind("text")
    typed, _ = texts.parse(frame["text"])
    state = texts.fit(typed, Need(text=TextNeed(size=WORDS, longest=int(typed.str.count_matches(r"\S+").max()))))
    arrays = place / "texts.npz"
    np.savez(
        arrays,
        tokens=texts.apply(state, typed)["tokens"],
        labels=frame["label"].cast(int).to_numpy(),
        n_words=np.array(state["size"]),
    )
    return arrays


def install() -> None:
    """Make the environment of Keras, where it is not there yet."""
    place = HERE / ".peers" / "keras"
    if place.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    subprocess.run([str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)


if __name__ == "__main__":
    main()
