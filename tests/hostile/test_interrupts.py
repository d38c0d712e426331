"""One Ctrl-C ends a command within seconds, whatever it is doing, with 130."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.conftest import start

# Seconds for what takes 3 on an idle machine: without the signal, all this would go on for longer.
SOON = 120
# As recipes.py: what libraries do with an interruption that arises in the middle of them.
BEGUN = "from pathlib import Path\nimport hashlib, time\nPath('begun').touch()\n"
DROPPED = "try:\n    time.sleep(600)\nexcept BaseException:\n    pass\n"
DOING = {
    "it is dropped, and the work goes on": DROPPED + "while True:\n    time.sleep(0.01)\n",
    "it is dropped, and the work ends well": DROPPED,
    "it becomes another error": DROPPED.replace("pass", "raise ImportError from None"),
    "C code runs, and Python does not": "hashlib.pbkdf2_hmac('sha256', b'a', b'b', 2_000_000_000)\n",
    "threads are waited for": "from concurrent.futures import ThreadPoolExecutor\n"
    "pool = ThreadPoolExecutor(1)\npool.submit(time.sleep, 600)\ntime.sleep(600)\n",
}


@pytest.mark.slow
def test_one_ctrl_c_ends_a_command_that_would_go_on(insects, tmp_path: Path):
    processes = {}
    for number, (doing, code) in enumerate(DOING.items()):
        folder = tmp_path / "workspace" / str(number)
        folder.mkdir()
        name = f"insects_{number}"
        (insects.competitions / name).mkdir()
        for file in insects.competition("insects").glob("*.*"):
            (insects.competitions / name / file.name).write_bytes(file.read_bytes())
        recipes = insects.competitions / name / "recipes.py"
        recipes.write_text(BEGUN + code + recipes.read_text())
        processes[doing] = folder, start(folder, "list", name)
    for folder, process in processes.values():
        until = time.monotonic() + 120
        while not (folder / "begun").exists():
            assert time.monotonic() < until and process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
    for doing, (_, process) in processes.items():
        _, told = process.communicate(timeout=SOON)
        assert process.returncode == 130, (doing, told)
        assert "Stopped. What was finished is kept" in told and "Traceback" not in told, (doing, told)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_end_it_alike(insects, number: int, code: int):
    recipes = insects.competition("insects") / "recipes.py"
    recipes.write_text(BEGUN + "time.sleep(600)\n")
    process = start(insects.root, "list", "insects")
    until = time.monotonic() + 120
    while not (insects.root / "begun").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(number)
    assert "Stopped." in process.communicate(timeout=SOON)[1] and process.returncode == code
