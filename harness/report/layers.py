"""The report of a model's layers: their outputs and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import keras


def show(model: keras.Model, out: Console) -> None:
    """Print the index, name, kind, output shape (without the batch axis) and parameters of every layer."""
    table = Table("index", "layer", "kind", "output", "parameters", box=None, pad_edge=False)
    for column in (0, 4):
        table.columns[column].justify = "right"
    for index, layer in enumerate(model.layers):
        shape = "×".join(str(length) for length in layer.output.shape[1:])
        table.add_row(str(index), layer.name, type(layer).__name__, shape, f"{layer.count_params():,}")
    out.print(table)
    out.print(f"{model.name}: {len(model.layers)} layers, {model.count_params():,} parameters")
