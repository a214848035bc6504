"""The first bad one of a history, asked for as few as need be, where some cannot be told."""

from collections.abc import Callable, Container, Mapping, Sequence


def search(
    parents: Mapping[str, Sequence[str]],
    ready: Container[str],
    is_bad: Callable[[str], bool | None],
) -> list[str]:
    """Return those that may be the first bad one: one of them is; the rest cannot be told.

    What is bad is taken to stay bad in all that descend from it, up to the newest. Each time that
    one is asked for which halves what is left, as `git bisect` does.

    Args:
        parents: of each commit, those among the commits; children stand before parents. The first
            is the newest, which is bad.
        ready: commits for which the answer costs little: those are asked for first.
        is_bad: says whether a commit is bad; None if that cannot be told.

    Returns:
        In the order given; the last known to be bad is the first of them.
    """
    bits = {commit: 1 << index for index, commit in enumerate(parents)}
    reach: dict[str, int] = {}
    for commit in reversed(list(parents)):
        reach[commit] = bits[commit]
        for parent in parents[commit]:
            reach[commit] |= reach[parent]
    newest, *asked = parents
    suspects = reach[newest]

    def balance(commit: str) -> int:
        inside = (reach[commit] & suspects).bit_count()
        return min(inside, suspects.bit_count() - inside)

    while asked := [commit for commit in asked if bits[commit] & suspects]:
        commit = max([one for one in asked if one in ready] or asked, key=balance)
        asked.remove(commit)
        answer = is_bad(commit)
        if answer is not None:
            suspects &= reach[commit] if answer else ~reach[commit]
    return [commit for commit in parents if bits[commit] & suspects]
