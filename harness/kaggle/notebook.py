"""The notebook of a kernel and the metadata that Kaggle's client reads, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NOTEBOOK = "submission.ipynb"


def write_code(code: Mapping[str, str]) -> str:
    """A cell that writes files of code. They are texts in it, as they are."""
    lines = [
        "# The code that made the predictions when the model was trained.",
        "import tempfile",
        "from pathlib import Path",
        "",
        'CODE = Path(tempfile.mkdtemp(prefix="code-"))',
        "FILES = {}",
    ]
    for name, text in code.items():
        plain = "'''" not in text and not text.endswith(("'", "\\"))
        lines.append(f"FILES[{name!r}] = " + (f"r'''{text}'''" if plain else repr(text)))
    lines += [
        "for name, text in FILES.items():",
        "    (CODE / name).parent.mkdir(parents=True, exist_ok=True)",
        '    (CODE / name).write_text(text, encoding="utf-8")',
    ]
    return "\n".join(lines)


def settings_cell(settings: dict[str, Any]) -> str:
    """A cell that holds the settings."""
    text = json.dumps(settings, indent=4)
    return f"import json\n\nSETTINGS = json.loads(r'''{text}''')" if "'''" not in text else f"SETTINGS = {settings!r}"


def _code_cell(text: str) -> dict[str, Any]:
    source = text.rstrip("\n").splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}


def notebook(about: str, cells: list[str]) -> dict[str, Any]:
    """A notebook of a text and some cells of code, format 4.4 (which names no cells)."""
    return {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": about.splitlines(keepends=True)},
            *map(_code_cell, cells),
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 4,
    }


def dataset_metadata(title: str, slug: str, owner: str) -> dict[str, Any]:
    """What ``dataset-metadata.json`` holds."""
    return {"title": f"{title} models", "id": f"{owner}/{slug}-models", "licenses": [{"name": "other"}]}


def kernel_metadata(competition: str, title: str, slug: str, owner: str, gpu: bool) -> dict[str, Any]:
    """What ``kernel-metadata.json`` holds: no internet, which Kaggle's client would ask for by itself."""
    return {
        "id": f"{owner}/{slug}",
        "title": title,
        "code_file": NOTEBOOK,
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": gpu,
        "enable_tpu": False,
        "enable_internet": False,
        "dataset_sources": [f"{owner}/{slug}-models"],
        "competition_sources": [competition],
        "kernel_sources": [],
        "model_sources": [],
    }
