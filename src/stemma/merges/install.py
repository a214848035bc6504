"""Tells Git of the merge driver: its configuration, and .gitattributes."""

from pathlib import Path

from stemma.files import atomic_file
from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK
from stemma.store.version import Tree

NAME = "stemma"
ATTRIBUTES = Path(".gitattributes")
# Git runs it at the top of the repository. Where there is no stemma, or it cannot merge, the file
# is merged as Git itself does it: `git merge-file` leaves marks and fails where it conflicts.
DRIVER = (
    "if command -v stemma >/dev/null 2>&1 && stemma merge-driver %O %A %B %P; then exit 0; "
    "elif [ $? -eq 2 ]; then exit 1; "
    "else git merge-file -q -L ours -L base -L theirs %A %O %B; fi"
)


def install(root: Path = Path()) -> list[str]:
    """Write the driver into this clone's configuration, and its files into .gitattributes.

    Returns:
        The paths whose merge it is now.

    Raises:
        ProjectError: there is no Git repository.
    """
    git.run(["config", "merge.stemma.name", "versions, stage by stage"], root)
    git.run(["config", "merge.stemma.driver", DRIVER], root)
    wanted = paths(root)
    file = root / ATTRIBUTES
    there = file.read_text(encoding="utf-8") if file.exists() else ""
    lacking = [f"{path} merge={NAME}\n" for path in wanted if f"{path} merge={NAME}" not in there]
    if lacking:
        with atomic_file(file, "w") as handle:
            handle.write(there + "\n" * bool(there and not there.endswith("\n")) + "".join(lacking))
    return wanted


def uninstall(root: Path = Path()) -> None:
    """Take the driver out of this clone's configuration; Git then merges the files itself."""
    try:
        git.run(["config", "--remove-section", "merge.stemma"], root)
    except ProjectError as error:
        raise ProjectError("the merge driver is not installed here", "") from error


def paths(root: Path = Path()) -> list[str]:
    """Return the files that stages write and Git keeps, as .gitattributes names them."""
    declared = Tree(root).declared
    named = [LOCK, *sorted(declared.in_git)]
    return [f"{path}/**" if (root / path).is_dir() else path for path in named]
