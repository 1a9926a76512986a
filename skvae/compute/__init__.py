"""The machine: devices, threads, memory, matrix products."""
