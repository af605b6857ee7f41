# SPDX-License-Identifier: MIT
"""The median of some values, and how far it can be trusted."""

import math
import statistics

LEAST = 6  # fewer values have no interval of 95 %
WIDTH = 0.03  # half of an interval, as a part of the median, at which there are values enough


def bounds(values):
    """The 95 % confidence interval of the median, from the order of the values alone. None: too few values."""
    count, outside, rank = len(values), 0.0, -1
    while outside + math.comb(count, rank + 1) / 2**count <= 0.025:
        rank += 1
        outside += math.comb(count, rank) / 2**count
    ordered = sorted(values)
    return (ordered[rank], ordered[count - 1 - rank]) if rank >= 0 else None


def spread(values):
    """Half of the interval, as a part of the median. None: too few values."""
    known = bounds(values)
    return (known[1] - known[0]) / 2 / statistics.median(values) if known else None


def is_settled(values):
    return len(values) >= LEAST and spread(values) <= WIDTH
