"""Whether two measurements on the same examples differ: intervals, tests, what could be seen."""
