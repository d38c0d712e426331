"""From a command's options to a competition and its pipeline."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.api import LoadedCompetition
    from harness.pipeline.graph import Pipeline


def competition_of(workspace: Workspace, options: Namespace) -> LoadedCompetition:
    """The competition that a command's options name, with what they change."""
    from harness.api import LoadedCompetition
    from harness.cluster.jobs import Workers
    from harness.pipeline.prepared import Options

    changes = Options(
        data=getattr(options, "data", None),
        assignments=getattr(options, "assignments", []),
        smoke=getattr(options, "smoke", False),
        compressed=getattr(options, "compress", False),
        folds=getattr(options, "folds", None),
        allow_leak=getattr(options, "allow_leak", False),
        from_epoch=getattr(options, "from_epoch", None),
        workers=Workers.asked(getattr(options, "workers", None), getattr(options, "gpus", None)),
    )
    return LoadedCompetition(workspace, options.competition, changes)


def pipeline_of(workspace: Workspace, options: Namespace) -> Pipeline:
    """The pipeline of that competition."""
    return competition_of(workspace, options).pipeline
