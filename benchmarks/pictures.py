"""How fast a small CNN learns from pictures: an epoch here beside an epoch of fastai and of Keras, in one run.

    python benchmarks/pictures.py --data ../shared/data --install --repeats 3

20,000 of the CIFAR-10 training pictures (JPEG, 32 x 32), as class folders. The same network everywhere: three blocks of
two convolutions (3 x 3, 32, 64 and 128 filters) with normalisation, ReLU and maximum pooling, the mean of the maps, one
linear layer; batches of 64, AdamW. What is timed is the second epoch's training alone, so that neither starting nor
validating counts for or against anyone. fastai reads the folders, as its users do; Keras, on torch, is given arrays in
memory, since its reader of folders needs TensorFlow. Each peer runs in an environment of its own (made with --install)
under benchmarks/.peers. All use both cores. Results: benchmarks/results/pictures.json and a table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ENVIRONMENTS = {
    "fastai": ["torch==2.13.*", "torchvision==0.28.*", "fastai"],
    "keras": ["torch==2.13.*", "keras", "pillow"],
}
N_PICTURES = 20_000
BATCH, RATE = 64, 2e-3
OURS = ("archwise", "archwise, mixed precision", "archwise, mixed, flip+shift")


@dataclass(frozen=True)
class Row:
    """Seconds of one epoch, in the order of the repeats."""

    who: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def main() -> None:
    """Time everybody in turn, as often as is asked, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=sorted(ENVIRONMENTS), choices=sorted(ENVIRONMENTS))
    parser.add_argument("--install", action="store_true")
    arguments = parser.parse_args()
    if arguments.install:
        for peer in arguments.peers:
            install(peer)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = unpack(arguments.data / "cifar10-full-jpeg.tar.xz", Path(name))
        arrays = decode(folder, Path(name))
        for _ in range(arguments.repeats):
            for who in (*OURS, *arguments.peers):
                found.setdefault(who, []).append(epoch_s(who, folder, arrays))
                print(f"{who:28s} {found[who][-1]:6.1f} s", flush=True)
    report([Row(who, tuple(seconds)) for who, seconds in found.items()])


def report(rows: list[Row]) -> None:
    """Print the medians with their ratios, and write all figures."""
    median = {row.who: row.median for row in rows}
    for who in [row.who for row in rows if row.who in OURS]:
        ratios = [f"{median[who] / median[peer]:.2f} x {peer}" for peer in ENVIRONMENTS if peer in median]
        print(f"{who:28s} {median[who]:6.1f} s  {'  '.join(ratios)}")
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    facts = {"command": sys.argv[1:], "cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}
    (results / "pictures.json").write_text(json.dumps(facts, indent=1))


def epoch_s(who: str, folder: Path, arrays: Path) -> float:
    """Seconds of the second epoch, each time in a process of its own."""
    if who in OURS:
        command = [sys.executable, str(Path(__file__).with_name("picture_epoch.py")), str(arrays), who]
    else:
        python, script = HERE / ".peers" / who / "bin" / "python", HERE / "peers" / f"{who}_pictures.py"
        command = [str(python), str(script), str(folder), str(arrays), str(BATCH), str(RATE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{who} failed: {done.stderr.strip().splitlines()[-1]}")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def unpack(archive: Path, place: Path) -> Path:
    """Class folders of N_PICTURES training pictures, drawn evenly."""
    with tarfile.open(archive) as tar:
        names = sorted(one.name for one in tar if one.isfile() and "train/" in one.name)
    kept = set(names[:: len(names) // N_PICTURES][:N_PICTURES])
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name in kept:
                tar.extract(member, place, filter="data")
    return place / "train"


def decode(folder: Path, place: Path) -> Path:
    """The same pictures as arrays in one file: images (N, 32, 32, 3) uint8 and labels (N,)."""
    from PIL import Image

    classes = sorted(path.name for path in folder.iterdir())
    files = [path for name in classes for path in sorted((folder / name).iterdir())]
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files])
    path = place / "pictures.npz"
    np.savez(path, images=images, labels=np.array([classes.index(path.parent.name) for path in files]))
    return path


def install(peer: str) -> None:
    """Make the environment of a peer, where it is not there yet."""
    place = HERE / ".peers" / peer
    if place.exists():
        return
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    packages = ENVIRONMENTS[peer]
    subprocess.run([str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages], check=True)
    print(f"{peer} installed in {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
