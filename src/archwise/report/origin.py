"""Where a model comes from and how to make it again: command, versions, seed, hashes and licences."""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from archwise.model.facts import ModelFacts
from archwise.records import Json

PACKAGES = (
    "archwise", "numpy", "polars", "onnxruntime", "torch", "onnx", "scikit-learn", "lightgbm", "optuna", "statsmodels",
    "timm", "torchvision", "tokenizers", "pillow", "matplotlib",
)  # fmt: skip
MOST_HASHED = 500_000_000  # bytes of a source; a larger one takes seconds
LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING")


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
    source = str(tomllib.loads(run_toml).get("source", ""))
    path = Path(source) if source else None
    is_small = path is not None and path.is_file() and path.stat().st_size <= MOST_HASHED
    return {
        "source": source or str(facts.profile.get("source", "")),
        "source_sha256": _sha256(path) if is_at_fit and path is not None and is_small else "",
        "data_licence": _licence_beside(path),
        "sealed_sha256": facts.sealed,
        "inherited": dict(facts.inherited),
        "files": [{"name": name, "sha256": digest} for name, digest in sorted(files.items())],
    }


def _licence_beside(path: Path | None) -> str:
    """The file of a licence that lies beside the data or in them; "" where there is none."""
    if path is None or not path.exists():
        return ""
    folder = path if path.is_dir() else path.parent
    return next((name for name in LICENCES if (folder / name).is_file()), "")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
