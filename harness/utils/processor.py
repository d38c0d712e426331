"""This machine's processor: its name, how many of its cores may be used, and which fast instructions it has."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# What Linux calls the instructions: of Intel's and AMD's vector units, of Intel's matrix units, of ARM's.
BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
# The best first: each of Intel's and AMD's has those below it. And in words.
INSTRUCTIONS = {
    "amx_bf16": "AMX",
    "avx512_bf16": "AVX-512 with bfloat16",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "bf16": "bfloat16",
}


def name() -> str:
    """The processor's name as far as the system tells it."""
    named = (line.partition(":")[2].strip() for line in _described() if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16; others compute in it by many steps, and slowly.

    Linux tells. Elsewhere OpenVINO does, which also counts processors that it computes for in many steps.
    """
    if _described():
        return not BFLOAT16.isdisjoint(_flags())
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def instructions() -> str:
    """The fastest instructions that Linux tells of, in words; "" if it tells of none.

    Hosts of virtual machines often hide the rest of the processor's name, and two that are twice as fast as each other
    are then named alike.
    """
    flags = _flags()
    return next((words for flag, words in INSTRUCTIONS.items() if flag in flags), "")


def _flags() -> list[str]:
    flags = (line.partition(":")[2].split() for line in _described() if line.lower().startswith(("flags", "features")))
    return next(flags, [])


def _described() -> list[str]:
    """The lines in which Linux describes the processor; none elsewhere."""
    try:
        return CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
