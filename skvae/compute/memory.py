"""What the allocator does with the memory of temporary arrays."""

from functools import cache

import numpy as np

__all__ = ["keep_freed_memory"]

# Just below the largest block that glibc learns from.
_BYTES = 2**25 - 2**16


@cache
def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed arrays for the next ones.

    glibc returns memory to the system according to the largest block that was ever freed
    (mallopt(3), M_MMAP_THRESHOLD), and a process that has freed small ones only pays page faults
    for every temporary array anew: half of the time of encoding small sets. Elsewhere this does
    nothing.

    Examples
    --------
    >>> from skvae.compute.memory import keep_freed_memory
    >>> keep_freed_memory()
    """
    np.empty(_BYTES, np.uint8)
