"""Binary search for the first bad commit of a history, where some commits cannot be judged."""

from collections.abc import Callable, Container, Mapping, Sequence


def search(
    parents: Mapping[str, Sequence[str]],
    ready: Container[str],
    is_bad: Callable[[str], bool | None],
) -> list[str]:
    """Return the commits of which one is the first bad one; a single one if that can be told.

    What is bad is taken to stay bad in all that descends from it, up to the newest commit. Each
    step judges the commit that halves the remaining ones, as `git bisect` does.

    Args:
        parents: the parents of each commit, as far as they are among these commits; children come
            before their parents. The first commit is the newest, which is known to be bad.
        ready: commits that are cheap to judge; these are judged first.
        is_bad: says whether a commit is bad; None if that cannot be told.

    Returns:
        In the order given; the first of them is known to be bad.
    """
    bits = {commit: 1 << index for index, commit in enumerate(parents)}
    # A set of commits is an integer; this one holds a commit and its ancestors.
    reach: dict[str, int] = {}
    for commit in reversed(list(parents)):
        reach[commit] = bits[commit]
        for parent in parents[commit]:
            reach[commit] |= reach[parent]
    newest, *unjudged = parents
    suspects = reach[newest]

    def balance(commit: str) -> int:
        inside = (reach[commit] & suspects).bit_count()
        return min(inside, suspects.bit_count() - inside)

    while unjudged := [commit for commit in unjudged if bits[commit] & suspects]:
        commit = max([one for one in unjudged if one in ready] or unjudged, key=balance)
        unjudged.remove(commit)
        answer = is_bad(commit)
        if answer is not None:
            suspects &= reach[commit] if answer else ~reach[commit]
    return [commit for commit in parents if bits[commit] & suspects]
