"""The public API: what a notebook uses, and what the command line stands on.

import harness

competition = harness.load("digits")
run = competition.train("pixels", c=0.1)
run.scores
run.predictions["holdout"].to_frame()
harness.score("digits", run.submission)
"""

from harness.api.finished_run import FinishedRun
from harness.api.functions import load, runs, score
from harness.api.loaded_competition import LoadedCompetition

__all__ = ["FinishedRun", "LoadedCompetition", "load", "runs", "score"]
