"""How the encoding of many sets is cut: blocks that fit into memory, and tasks for workers."""

__all__ = ["blocks_of", "tasks_of"]

# Bytes of vectors that a task makes at most, and tasks for each worker, so that all end together.
_TASK_BYTES = 2**25
_TASKS_PER_WORKER = 4
# Bytes of statistics worked on at a time: about a core's second-level cache.
_STATISTICS_BYTES = 2**21


def blocks_of(source, codec):
    """Slices of sets whose statistics fit into memory together."""
    return source.blocks(max(1, _STATISTICS_BYTES // (8 * codec.statistics_size)))


def tasks_of(blocks, out, n_workers):
    """Runs of blocks, few enough that workers seldom wait for one another.

    Each is a slice of sets, and its blocks counted from the first of these.
    """
    block_bytes = max(1, blocks[0].stop * out.itemsize * out.shape[1])
    size = max(1, min(_TASK_BYTES // block_bytes, len(blocks) // (_TASKS_PER_WORKER * n_workers)))
    runs = (blocks[i : i + size] for i in range(0, len(blocks), size))
    return [
        (
            slice(run[0].start, run[-1].stop),
            [slice(b.start - run[0].start, b.stop - run[0].start) for b in run],
        )
        for run in runs
    ]
