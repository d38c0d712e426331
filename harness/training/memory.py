"""The device's memory: telling that a batch did not fit."""

from __future__ import annotations


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of any backend means that the device has too little memory for a step."""
    told = f"{type(error).__name__} {error}".lower()
    words = ("resource_exhausted", "resourceexhausted", "out of memory", "oom when allocating")
    return isinstance(error, MemoryError) or any(word in told for word in words)
