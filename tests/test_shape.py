"""The shape of the code, held by tests: sizes, signatures, docstrings, light imports, no pickle, no cycle."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "archwise"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = sorted(
    ".".join(("archwise", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__") for path in FILES
)
HEAVY = (
    "torch",
    "sklearn",
    "statsmodels",
    "lightgbm",
    "onnx",
    "onnxmltools",
    "pandas",
    "scipy",
    "safetensors",
    "optuna",
    "matplotlib",
    "jinja2",
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_command(function: Function) -> bool:
    return any("app.command" in ast.unparse(decorator) for decorator in function.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
class TestFile:
    def test_file_stays_under_400_lines(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) < 400

    def test_functions_stay_under_60_lines(self, path: Path) -> None:
        long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno + 1 >= 60]
        assert not long

    def test_public_functions_take_at_most_six_parameters(self, path: Path) -> None:
        wide = []
        for function in functions(path):
            arguments = function.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs) if a.arg != "self"]
            if len(names) > 6 and not function.name.startswith("_") and not is_command(function):
                wide.append(function.name)
        assert not wide

    def test_public_functions_have_no_keyword_catch_all(self, path: Path) -> None:
        assert not [f.name for f in functions(path) if f.args.kwarg is not None and not f.name.startswith("_")]

    def test_classes_have_at_most_12_public_methods(self, path: Path) -> None:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                methods = [m for m in node.body if isinstance(m, ast.FunctionDef) and not m.name.startswith("_")]
                assert len(methods) <= 12, node.name

    def test_file_is_not_named_after_nothing(self, path: Path) -> None:
        assert path.stem not in {"utils", "helpers", "common", "misc", "base", "manager"}

    def test_nothing_unpickles(self, path: Path) -> None:
        text = path.read_text()
        assert "import pickle" not in text or path.parent.name == "engines"
        assert "allow_pickle=True" not in text
        assert "weights_only=False" not in text

    def test_a_broad_except_stands_only_around_a_trial(self, path: Path) -> None:
        broad = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        ]
        assert not broad or path.parent.name == "engines"


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_archwise_and_its_help_load_nothing_heavy() -> None:
    code = (
        "import sys, archwise, archwise.cli\n"
        "try: archwise.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [name for name in {(*HEAVY, 'polars', 'onnxruntime', 'numpy')!r} if name in sys.modules])"
    )
    assert run_python(code).splitlines()[-1] == "LOADED []"


def test_the_light_verbs_load_nothing_heavy() -> None:
    code = (
        "import sys, archwise\n"
        "archwise.look, archwise.shortlist, archwise.load, archwise.predict\n"
        "from archwise import api\n"
        "api.catalogue()\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run_python(code).splitlines()[-1] == "LOADED []"


def test_every_module_imports_on_its_own() -> None:
    names = [module for module in MODULES if not module.endswith("__main__")]
    run_python(f"import importlib\nfor name in {names!r}: importlib.import_module(name)")


def test_modules_form_no_cycle() -> None:
    graph = {module: imports_of(module) for module in MODULES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for other in graph[module]:
                visit(other, (*trail, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def imports_of(module: str) -> set[str]:
    path = SOURCE.parent / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("archwise"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
    return found - {module, "archwise"}


def test_the_options_of_fit_are_known_and_few() -> None:
    from archwise.config import Config

    assert list(Config.model_fields) == [
        "source", "target", "names", "task", "kinds", "drop", "group", "time", "test", "valid", "only", "add", "skip",
        "settings", "optimizer", "loss", "order", "metric", "threshold", "require", "latency", "size", "budget",
        "workers", "device", "seed", "out", "horizon", "series", "known", "gaps", "zone", "valid_from", "test_from",
        "until",
    ]  # fmt: skip
