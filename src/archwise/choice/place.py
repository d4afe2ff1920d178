"""Where a run and its model lie: beside each other, and never over something else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from archwise.errors import UsageError
from archwise.records import Parts

MODEL_SUFFIX = ".archwise"
IN_MEMORY = "a table in memory"  # what run.toml says of a part that is no file


def beside(source: str) -> Path:
    """Where the model goes when the user does not say: the name of the source, in the present folder."""
    return Path((Path(source).name.split(".")[0] or "model") + MODEL_SUFFIX)


def refuse_to_overwrite(folder: Path) -> None:
    """Refuse a folder that is there and is no model.

    Raises:
        UsageError: it is something else.
    """
    if folder.exists() and not (folder / "model.json").is_file():
        raise UsageError(f"{folder} exists and is not a model folder; name another with --out")


def new_run_folder(model_folder: Path) -> Path:
    """A run folder beside the model, named by the hour so that no run covers another."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    stem = model_folder.with_suffix("") if model_folder.suffix == MODEL_SUFFIX else model_folder
    folder = Path(f"{stem}-{stamp}.run")
    for number in range(2, 1_000):
        if not folder.exists():
            break
        folder = Path(f"{stem}-{stamp}-{number}.run")
    return folder


def paths_of(source: object) -> dict[str, str]:
    """How run.toml names the parts of a source; one that is no file cannot be named so that it is read again."""
    parts = source if isinstance(source, Parts) else Parts(source)
    given = {"test": parts.test, "valid": parts.valid}
    named = {
        name: str(part) if isinstance(part, str | Path) else IN_MEMORY
        for name, part in given.items()
        if part is not None
    }
    return {"train": str(parts.train), **named} if isinstance(parts.train, str | Path) else named
