"""How far a share that was counted on some rows may be from the true one."""

import math

Z = 1.959963984540054  # the normal quantile of a 95 % interval


def wilson(right: float, n: int) -> tuple[float, float]:
    """Lower and upper bound of a share's 95 % interval (Wilson, 1927); (0, 1) where nothing was counted.

    Args:
        right: how many of them are so.
        n: how many were looked at.
    """
    if n == 0:
        return 0.0, 1.0
    share = right / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)
