"""How many threads torch works with."""

import os

import torch

from builder.cores import usable_cores


def use_free_cores() -> int:
    """Let torch use the cores this process may run on, unless `OMP_NUM_THREADS` says otherwise; returns how many.

    More threads than free cores are far slower than fewer: two on a busy two-core machine ran 8 times slower than alone.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(usable_cores())
    return torch.get_num_threads()
