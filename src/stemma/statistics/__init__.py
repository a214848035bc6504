"""Whether two measurements on the same examples differ: intervals, tests, what could be seen."""

FEWEST = 6
"""Examples below which nothing is drawn again: no paired test of them can reach 5 % (5 coins fall
alike in 2 of 32 throws), and of one example there is one sample only."""
