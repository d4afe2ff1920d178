"""Where a model comes from and how to make it again: command, versions, seed, hashes and licences."""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Mapping
from importlib import metadata
from itertools import islice
from pathlib import Path

from archwise.model.facts import ModelFacts
from archwise.records import Json
from archwise.report.licence import PLACES, licence_of

PACKAGES = (
    "archwise", "numpy", "polars", "onnxruntime", "torch", "onnx", "scikit-learn", "lightgbm", "optuna", "statsmodels",
    "timm", "torchvision", "tokenizers", "pillow", "matplotlib",
)  # fmt: skip
MOST_HASHED, MOST_FILES = 300_000_000, 10_000  # bytes and files of a source; more take seconds


def repeat(run_toml: str, model_name: str) -> dict[str, Json]:
    """The command, the configuration and the versions that make the model again.

    Args:
        run_toml: the configuration as the model folder holds it.
    """
    config = tomllib.loads(run_toml)
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": f"archwise fit --config {model_name}/run.toml",
        "seed": config.get("seed", 0),
        "budget": config.get("budget", ""),
        "run_toml": run_toml,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
    }


def origin(facts: ModelFacts, files: Mapping[str, str], run_toml: str, *, is_at_fit: bool) -> dict[str, Json]:
    """The hashes and licences of data and weights, as far as they can be told.

    Args:
        files: name -> SHA-256 of the files of the model folder.
        is_at_fit: whether the data lie where they lay at the fit; later ones may be others under the same name.
    """
    config = tomllib.loads(run_toml)
    source = str(config.get("source", ""))
    path = Path(source) if source else None
    given = [str(config[part]) for part in ("valid", "test") if isinstance(config.get(part), str)]
    return {
        "source": source or str(facts.profile.get("source", "")),
        "source_sha256": sha256_of(path) if is_at_fit and path is not None else "",
        "given": [{"source": each, "sha256": sha256_of(Path(each)) if is_at_fit else ""} for each in given],
        "data_licence": licence_of(path),
        "licence_places": PLACES,
        "sealed_sha256": facts.sealed,
        "inherited": dict(facts.inherited),
        "files": [{"name": name, "sha256": digest} for name, digest in sorted(files.items())],
    }


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, or of the names and the contents of all files of a folder; "" of what is not there.

    Of more than MOST_HASHED bytes, or MOST_FILES files, there is none either.
    """
    if path.is_file():
        if path.stat().st_size > MOST_HASHED:
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = (
        sorted(islice((each for each in path.rglob("*") if each.is_file()), MOST_FILES + 1)) if path.is_dir() else []
    )
    if not files or len(files) > MOST_FILES or sum(each.stat().st_size for each in files) > MOST_HASHED:
        return ""
    digest = hashlib.sha256()
    for each in files:
        content = each.read_bytes()
        digest.update(f"{each.relative_to(path).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
