"""How Keras is started, and what that leaves out of a user's log."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from harness.models import keras_backend


@pytest.mark.model
def test_that_each_fold_has_a_network_of_its_own_is_no_warning_for_users():
    if keras_backend.start(seed=0) != "tensorflow":
        pytest.skip("TensorFlow's own words")
    keras_backend.start(seed=0)
    logger, told = logging.getLogger("tensorflow"), "%d out of the last %d calls to %s triggered tf.function retracing."
    for words, is_told in ((told, False), ("The disk is full.", True)):
        record = logger.makeRecord("tensorflow", logging.WARNING, "here", 1, words, (), None)
        assert bool(logger.filter(record)) == is_told
    assert len(logger.filters) == len({*logger.filters})


@pytest.mark.parametrize("chosen", [{}, {"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "jax"}])
def test_tensorflow_takes_onednn_also_where_a_competition_loads_it_first(chosen):
    """It reads these as it is loaded; a competition's own modules may do that before anything of ours does."""
    ours = {"TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    code = f"import harness, os; print({{name: os.environ[name] for name in {sorted(ours)}}} == {ours | chosen})"
    assert subprocess.check_output([sys.executable, "-c", code], env=clean | chosen, text=True) == "True\n"
