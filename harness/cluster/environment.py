"""What decides a job's bits besides its inputs: code, libraries, backend and thread counts."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from pathlib import Path
from typing import Any

from harness.utils.errors import UserError, some
from harness.utils.libraries import installed
from harness.utils.processor import cores

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = ("keras", "tensorflow", "jax", "numpy", "scipy", "scikit-learn", "openvino", "opencv-python-headless")
# Variables by which Keras, its backends and BLAS are told how to compute. A Dask worker sets some of them to 1.
PREFIXES = ("KERAS_", "TF_", "XLA_", "JAX_", "OMP_", "OPENBLAS_", "MKL_")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def of_driver() -> dict[str, Any]:
    """What a job has to find again where it runs."""
    return {
        "code": code(),
        "libraries": libraries(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "cores": cores(),
        "variables": _variables(),
    }


def of_child(asked: dict[str, Any]) -> dict[str, str]:
    """The environment of a job's process: the worker's, but with the driver's backend and thread counts."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
    # The code that the process runs is that of this worker.
    package = str(PACKAGE.parent)
    path = os.pathsep.join(dict.fromkeys([package, *filter(None, own.get("PYTHONPATH", "").split(os.pathsep))]))
    # Sums depend on how many threads share them, so another machine's cores must not decide.
    threads = {} if asked["cores"] == cores() else dict.fromkeys(THREADS, str(asked["cores"]))
    return own | threads | asked["variables"] | {"PYTHONPATH": path}


def require_alike(asked: dict[str, Any], found: dict[str, Any], host: str) -> None:
    """Go on only where code and libraries are the driver's.

    Args:
        asked, found: what ``of_driver`` gives on the driver and on a worker.
        host: the worker's name.

    Raises:
        UserError: they differ; the message says in what.
    """
    pairs = {"Python": (asked["python"], found["python"]), "the harness's code": (asked["code"], found["code"])}
    for name in sorted(asked["libraries"].keys() | found["libraries"].keys()):
        pairs[name] = (asked["libraries"].get(name), found["libraries"].get(name))
    differ = [
        f"{name} ({there or 'none'} here, {here or 'none'} there)"
        for name, (there, here) in pairs.items()
        if there != here
    ]
    if differ:
        raise UserError(
            f"the worker on {host} would compute with something else than this command: {some(differ)}.",
            "install the same version from the same lock file on all machines, then start the workers again",
        )


def host() -> str:
    """This machine's name."""
    return platform.node()


@functools.cache
def code() -> str:
    """A hash of the package's Python files."""
    hashed = hashlib.blake2b(digest_size=8)
    for file in sorted(PACKAGE.rglob("*.py")):
        hashed.update(f"{file.relative_to(PACKAGE).as_posix()}\0".encode())
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


@functools.cache
def libraries() -> dict[str, str]:
    """The versions of the libraries that decide results, of those that are installed."""
    return installed(LIBRARIES)


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIXES)}
