"""The folder ``operator/`` does not stand in the way of the standard library's module."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

#: Folders on the import path, or named like a module of the standard library.
PATH_FOLDERS = ("operator", "runtime", "harness", "demo")

#: What each import may not bring along. Values: the environment has them, or it proves nothing.
HEAVY = ("kopf", "kubernetes", "torch", "prometheus_client", "aiohttp", "tritonclient", "numpy")


def child(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_path_folder_is_a_package(repository: Path) -> None:
    assert [name for name in PATH_FOLDERS if (repository / name / "__init__.py").exists()] == []


def test_no_test_folder_is_a_package_or_named_operator(repository: Path) -> None:
    tests = repository / "tests"

    assert [str(path) for path in tests.rglob("__init__.py")] == []
    assert [str(path) for path in tests.rglob("operator") if path.is_dir()] == []


@pytest.mark.parametrize("code", ["import collections", "import enum, functools, json, asyncio"])
def test_the_standard_library_works_in_the_root(repository: Path, code: str) -> None:
    child(code, repository)


def test_operator_is_the_standard_librarys(repository: Path) -> None:
    found = Path(child("import operator; print(operator.__file__)", repository))

    assert found == Path(sysconfig.get_path("stdlib")) / "operator.py"


@pytest.mark.parametrize(
    "module",
    [
        "modelservice_operator",
        "modelservice_operator.api.spec",
        "modelservice_operator.settings",
        "modelservice_operator.plan.report",
        "modelservice_operator.manifests",
        "modelservice_runtime",
        "modelservice_runtime.contract.results",
    ],
)
def test_the_pure_parts_import_nothing_heavy(repository: Path, module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{*sys.modules}} & {{*{HEAVY}}}))"

    assert child(code, repository) == ""


def test_the_check_sees_what_is_imported(repository: Path) -> None:
    code = f"import sys, kopf; print(*sorted({{*sys.modules}} & {{*{HEAVY}}}))"

    assert "kopf" in child(code, repository).split()
