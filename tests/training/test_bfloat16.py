"""Measuring whether bfloat16 pays: steps take turns, and what is trained afterwards does not know of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.models import keras_backend
from harness.recipes.network import Network
from harness.training import bfloat16
from harness.training.bfloat16 import ROUNDS, Timing, is_available, measured, taking_turns
from harness.utils import processor
from tests.training.folds import TINY, drawn_fold

RECIPE = Network(**TINY, size=(16, 16), pad=1, mixup=0.2, epochs=1, batch_size=16, learning_rate=2e-3)


class Clock:
    """Time that passes only in steps."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, ""

    def step(self, name: str, *seconds: float):
        """A step that takes so long; the last number again and again."""
        left = [*seconds]

        def run() -> None:
            self.order += name
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run

    def __call__(self) -> float:
        return self.now


def test_steps_take_turns_and_their_first_time_does_not_count():
    clock = Clock()
    found = taking_turns(clock.step("a", 9, 0.25, 0.125, 0.25), clock.step("b", 7, 0.5, 0.75, 0.5), clock=clock)
    assert found == [0.125, 0.5]
    assert clock.order.startswith("abab") and clock.now < 9 + 7 + bfloat16.SECONDS + 1


def test_quick_steps_are_timed_so_many_times_and_slow_ones_once():
    quick, slow = Clock(), Clock()
    taking_turns(quick.step("a", 0.001), quick.step("b", 0.001), clock=quick)
    taking_turns(slow.step("a", 60.0), slow.step("b", 60.0), clock=slow)
    assert quick.order == "ab" * (1 + ROUNDS) and slow.order == "abab"


@pytest.mark.parametrize(("timing", "pays"), [(Timing(1.1, 1.0), True), (Timing(1.09, 1.0), False)])
def test_it_pays_from_a_tenth_on(timing: Timing, pays: bool):
    assert timing.pays is pays


@pytest.mark.parametrize(("capability", "has"), [(8, True), (9, True), (7, False), (None, True)])
def test_of_gpus_those_have_it_whose_capability_says_so(monkeypatch, capability: int | None, has: bool):
    monkeypatch.setattr(bfloat16, "on_gpu", lambda: True)
    monkeypatch.setattr(bfloat16, "_compute_capability", lambda: capability)
    assert is_available() is has
    monkeypatch.setattr(bfloat16, "on_gpu", lambda: False)
    monkeypatch.setattr(processor, "has_bfloat16", lambda: not has)
    assert is_available() is not has


@pytest.mark.model
@pytest.mark.slow
def test_a_network_is_measured_and_trains_as_if_it_had_not_been(tmp_path: Path, monkeypatch):
    fold = drawn_fold(tmp_path)
    timing = measured(RECIPE, fold)
    assert 0 < timing.float32 < 60 and 0 < timing.bfloat16 < 60
    after = RECIPE.fit(fold)
    alone = RECIPE.fit(dataclasses.replace(fold, folder=fold.folder.with_name("fold-2")))
    assert np.array_equal(after, alone)


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path, monkeypatch):
    tried: list[tuple[int, bool]] = []

    def step(settings, fold, mixed):
        tried.append((settings.batch_size, mixed))
        if settings.batch_size > 4 and mixed:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes.")
        return lambda: None

    monkeypatch.setattr(bfloat16, "_step", step)
    monkeypatch.setattr(bfloat16, "taking_turns", lambda *steps: [2.0, 1.0])
    assert measured(RECIPE, None) == Timing(2.0, 1.0)  # type: ignore[arg-type]
    assert tried == [(16, False), (16, True), (8, False), (8, True), (4, False), (4, True)]
    assert not keras_backend.out_of_memory(TypeError("no kernel"))
