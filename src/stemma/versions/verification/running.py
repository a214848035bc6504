"""DVC in a worktree: with which cache and remotes it works, and how its stages are run there."""

import configparser
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.versions.verification.worktree import Worktree

_RUNNING = "Running stage '"
Tell = Callable[[str], object]
"""Takes a line on how far long work has come."""


def untold(line: str) -> None:
    """Tell nobody how far the work has come."""


def run_stages(
    site: Worktree, command: list[str], count: int, tell: Tell
) -> tuple[str | None, str]:
    """Run a command of DVC that runs stages.

    Args:
        site: where it runs.
        command: its words.
        count: the most stages that it may run, for what is told.
        tell: is told which stage is being built.

    Returns:
        The stage at which it stopped, and its last words; None if all were built.

    Raises:
        ProjectError: DVC cannot start, or cannot keep what is built.
    """
    running: list[str] = []

    def see(line: str) -> None:
        if line.startswith(_RUNNING):
            running.append(line.removeprefix(_RUNNING).partition("'")[0])
            tell(f"rebuilding {running[-1]}, stage {len(running)} of at most {count}")

    code, said = site.run(command, see)
    # DVC 3.67 goes on without the object, and exits with 0.
    if lost := _not_transferred(said):
        raise ProjectError(f"DVC cannot keep the rebuild: {lost}", "make room where .dvc/tmp is")
    if not code:
        return None, ""
    if not running:
        raise ProjectError(f"DVC cannot rebuild this version: {last_words(said)}", "see dvc.yaml")
    named = re.search(r"failed to reproduce '([^']+)'", "\n".join(said))
    stage = named[1] if named else running[-1]
    return stage, f"DVC was stopped by signal {-code}" if code < 0 else last_words(said)


def _not_transferred(said: Sequence[str]) -> str | None:
    # DVC's last error only counts the files; this one names a file and says why.
    return next((line for line in said if line.startswith("ERROR: failed to transfer")), None)


def last_words(said: Sequence[str]) -> str:
    """Return the line of what a command has printed that says why it stopped."""
    # A stage says in one line why it stops; DVC's own last words only repeat its command.
    said = [line for line in said if line.strip()]
    own = [line for line in said if line.startswith("stemma ")]
    errors = [line for line in said if line.startswith("ERROR: ") or "is invalid" in line]
    return (own or errors or ["", *said])[-1]


def point_dvc_at(site: Worktree, cache: Path, remotes: Mapping[str, str]) -> None:
    """Let DVC in a worktree use a cache and remotes.

    Args:
        site: the worktree.
        cache: a folder of DVC's objects.
        remotes: name -> URL; a path is absolute.
    """
    # The user's own settings stay in force: the keys of remotes stand there.
    config = configparser.ConfigParser(interpolation=None)
    config.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    config.read(site.folder.parents[1] / "config.local", encoding="utf-8")
    state = site.folder / f"state-{cache.parent.name}"
    config.read_dict(
        {
            "cache": {"dir": str(cache)},
            "core": {"site_cache_dir": str(state), "analytics": "false", "autostage": "false"},
        }
    )
    # A relative path would start from the worktree.
    config.read_dict({f"'remote \"{name}\"'": {"url": url} for name, url in remotes.items()})
    with (site.tree / ".dvc/config.local").open("w", encoding="utf-8") as handle:
        config.write(handle)


def fetch_raw(site: Worktree) -> None:
    """Check out the raw files that DVC tracks, from the cache or else from a remote.

    Raises:
        ProjectError: they are in neither.
    """
    tracked = git.run(["ls-files", "*.dvc"], site.tree).splitlines()
    if not tracked or not site.run(["dvc", "checkout", *tracked])[0]:
        return
    code, said = site.run(["dvc", "pull", *tracked])
    if code:
        names, why = ", ".join(tracked), _not_transferred(said)
        claim = "cannot be fetched" if why else "is in no cache and no remote"
        raise ProjectError(
            f"raw data {claim}: {names}: {why or last_words(said)}",
            "fetch it where it is: `dvc pull`, or `dvc push` from the machine that has it",
        )
