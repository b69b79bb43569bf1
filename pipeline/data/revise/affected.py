"""Which runs learned from some images: by their own data, or by what they went on from."""

from collections.abc import Collection

from pipeline.data.revise.revision import Revisions, run_data
from pipeline.ledger.descent import run_heads, starts_of, with_descendants
from pipeline.ledger.ledger import Ledger


def affected_runs(ledger: Ledger, revisions: Revisions, images: Collection[str]) -> dict[str, str]:
    """Run key -> data commit, of the runs that learned from any of the images.

    These are the runs whose data revision holds one, and those that went on from their networks.
    """
    learned = runs_holding(ledger, revisions, images)
    starts = starts_of(ledger.mirror, run_heads(ledger))
    affected = with_descendants(learned, starts)
    return {key: data for key, data in run_data(ledger).items() if key in affected}


def runs_holding(ledger: Ledger, revisions: Revisions, images: Collection[str]) -> dict[str, str]:
    """Run key -> data commit, of the runs whose own data revision holds any of the images."""
    holding = {commit for commit in revisions.commits if revisions.held(commit, images)}
    return {key: data for key, data in run_data(ledger).items() if data in holding}
