"""What the system tells of the processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.runs import machine
from harness.utils import processor

X86 = "processor\t: 0\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu sse avx2 {}\npower management:\nflags\t: other\n"
ARM = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd {}\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("described", "has"),
    [
        (X86.format("avx512_bf16 avx512f"), True),
        (X86.format("amx_bf16 amx_tile"), True),
        (X86.format("avx512f avx512_bf16x avx_vnni"), False),
        (X86.format(""), False),
        (ARM.format("i8mm bf16"), True),
        (ARM.format("i8mm"), False),
        ("processor\t: 0\n", False),
    ],
)
def test_linux_says_whether_it_computes_in_bfloat16(tmp_path: Path, monkeypatch, described: str, has: bool):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(described)
    assert processor.has_bfloat16() is has
    assert (processor.name() == "AMD EPYC 9R14") is described.startswith("processor\t: 0\nmodel")


@pytest.mark.parametrize(
    ("described", "words"),
    [
        (X86.format("avx512f avx512_bf16 amx_bf16 amx_tile"), "AMX"),
        (X86.format("avx512_bf16 avx512f"), "AVX-512 with bfloat16"),
        (X86.format("avx512f avx512_bf16x"), "AVX-512"),
        (X86.format(""), "AVX2"),
        (ARM.format("i8mm bf16"), "bfloat16"),
        (ARM.format("i8mm"), ""),
        ("processor\t: 0\n", ""),
    ],
)
def test_a_machine_is_known_by_its_fastest_instructions(tmp_path: Path, monkeypatch, described: str, words: str):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(described)
    assert processor.instructions() == words
    device = machine.about(trained=False)["device"]
    assert device.endswith(f" cores, {words}" if words else " cores")


@pytest.mark.parametrize("capabilities", [["FP32", "BF16"], ["FP32", "INT8"]])
def test_elsewhere_openvino_says_so(tmp_path: Path, monkeypatch, capabilities: list[str]):
    import openvino

    class Core:
        def get_property(self, device: str, name: str) -> list[str]:
            return capabilities

    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "missing")
    monkeypatch.setattr(openvino, "Core", Core)
    assert processor.has_bfloat16() is ("BF16" in capabilities)
    assert processor.name() != ""
