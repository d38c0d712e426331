"""Whether a submission is possible at all, asked before any work is done for it."""

from __future__ import annotations

from typing import Any

from harness.competition import Competition
from harness.kaggle.credentials import SITE, readable_by_others, require_credentials
from harness.utils.console import say
from harness.utils.errors import UserError
from harness.utils.files import shown_path

# Competitions that accept no submissions any more, and the newer edition that still scores the same images.
CLOSED = {"dogs-vs-cats": "dogs-vs-cats-redux-kernels-edition"}


def require_slug(competition: Competition) -> str:
    """The competition's name in its address on Kaggle.

    Raises:
        UserError: it is not on Kaggle, or that was not said.
    """
    if competition.slug is None:
        raise UserError(
            f"{competition.name} has no Kaggle competition.",
            f"set slug= in {shown_path(competition.folder / 'competition.py')}, if there is one: the last part of its "
            "address on Kaggle",
        )
    return competition.slug


def require_open(slug: str) -> None:
    """Raise an error for a competition that is known to be closed, or without credentials; nobody is asked."""
    from pathlib import Path

    if slug in CLOSED:
        raise UserError(
            f"{slug} is closed: Kaggle accepts no more submissions to it, not even late ones.",
            f'the same images are scored in its newer edition: slug="{CLOSED[slug]}" in competition.py',
        )
    file = Path(require_credentials())
    if file.is_file() and readable_by_others(file):
        say(f"warning: other users of this machine can read {file}: chmod 600 {file}")


def quota(slug: str, about: dict[str, Any], name: str, notebook: bool) -> str:
    """What is left of the submissions, in words.

    Args:
        slug: the competition's name on Kaggle.
        about: as ``Client.about`` returns it.
        name: the competition's name here.
        notebook: whether a notebook is to be submitted, not a CSV.

    Raises:
        UserError: the competition is closed or accepts only notebooks, its rules are not accepted yet, or no submission
            is left.
    """
    page = f"{SITE}/c/{slug}"
    if about["disabled"]:
        raise UserError(f"{slug} accepts no more submissions.", f"look at {page}")
    if about["notebooks_only"] and not notebook:
        raise UserError(
            f"{slug} accepts only notebooks, not CSV files.",
            f"harness train {name}, then send the run as a notebook: harness kernel {name} RUN --push",
        )
    if not about["left"] and not about["total"]:  # Kaggle's answer before the first submission
        if not about["entered"]:
            raise UserError(
                f"this account has not joined {slug}: its rules are not accepted yet.",
                f"accept them at {page}/rules",
            )
        return f"{slug}: this will be the first submission; the limit is known after it"
    if not about["left"]:
        made = f"{about['today']} were made today, {about['total']} in all"
        if about.get("limited_by_total"):
            raise UserError(
                f"no submission to {slug} is left for good: {made}, and the competition allows no more.",
                f"select among those made, at {page}/submissions; the CSV is kept",
            )
        raise UserError(
            f"no submission to {slug} is left: {made}.", "run the same command after midnight UTC; the CSV is kept"
        )
    words = f"{slug}: {about['left']} submissions left today ({about['today']} made)"
    return words + (f"; deadline {about['deadline'][:10]}" if about["deadline"] else "")
