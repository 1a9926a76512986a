"""Which components a descriptor counts towards: all of them, the nearest, or the likely ones."""

from typing import NamedTuple

import numpy as np

from skvae._typing import FloatArray

__all__ = ["Assignment", "is_hard"]


class Assignment(NamedTuple):
    """Which posteriors of a descriptor are kept; those kept are divided by their sum."""

    top_k: int | None = None  # the largest ones; 1 is hard assignment
    min_posterior: float = 0.0  # and no smaller ones, except the largest

    def sparsify(self, joint: FloatArray) -> None:
        """Set what is not kept to zero.

        Parameters
        ----------
        joint : ndarray of shape (K, n)
            Posteriors times any factor per column; changed in place.
        """
        n_dropped = 0 if self.top_k is None else len(joint) - self.top_k
        if n_dropped > 0:
            # By place and not by value: of equal posteriors, too, only top_k remain.
            order = np.argpartition(joint.T, n_dropped, axis=1).T
            np.put_along_axis(joint, order[:n_dropped], 0, axis=0)
        if self.min_posterior > 0:
            least = np.minimum(self.min_posterior * joint.sum(axis=0), joint.max(axis=0))
            joint[joint < least] = 0


def is_hard(assignment: Assignment | None) -> bool:
    """Whether an assignment, or None, lets each descriptor count towards one component wholly."""
    return assignment is not None and assignment.top_k == 1
