"""The hook of docs/registry.md: a server that refuses what the gates refuse."""

import os
import re
import subprocess
from pathlib import Path

from project import ROOT, environment
from released import Released

NOT_WORSE = {"not_worse": {"metrics": {"bits_per_byte": 0.02}}}


def push(project: Released, *refs: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "push", "-q", "origin", *refs],
        cwd=project.root, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_push_past_the_gates_is_refused(tmp_path: Path):
    released = Released(tmp_path / "project", NOT_WORSE)
    released.in_prod()
    better, worse = released.candidate(-0.1), released.candidate(0.2)
    assert push(released, "--tags").returncode == 0
    clone = released.clone("clone")
    docs = (ROOT / "docs/registry.md").read_text()
    hook = re.findall(r"```sh\n(#!/bin/sh\n# hooks/pre-receive.*?)```", docs, re.DOTALL)[0]
    file = tmp_path / "origin.git/hooks/pre-receive"
    file.write_text(hook.replace("#!/bin/sh\n", f"#!/bin/sh\nGATES='{clone.root}'\n"))
    file.chmod(0o755)
    # What the gates let pass, by hand or by promote, goes through.
    released.run("promote", better, "prod")
    tag = released.git("tag", "--list", "lm#prod#*", "--sort=-creatordate").splitlines()[0]
    done = push(released, tag)
    assert done.returncode == 0, done.stderr
    # Another tag is no affair of the hook's.
    released.git("tag", "-a", "-m", "x", "note")
    assert push(released, "note").returncode == 0
    # One without evidence does not, nor one whose evidence says what the gates do not say.
    released.git("tag", "-a", "-m", "by hand", "lm#prod#90", f"lm@{worse}^{{commit}}")
    done = push(released, "lm#prod#90")
    assert done.returncode and "lm#prod#90 has no evidence" in done.stderr
    found = released.json("promote", worse, "prod", "--force", "--why", "hurry")
    message = released.git("for-each-ref", "--format=%(contents)", f"refs/tags/{found['tag']}")
    forged = re.sub(r'"passed": false', '"passed": true', message)
    forged = forged.replace('"forced": true', '"forced": false').replace("#91", "#92")
    released.git("tag", "-a", "-m", forged, "lm#prod#92", f"lm@{worse}^{{commit}}")
    done = push(released, "lm#prod#92")
    assert done.returncode and "refused by not_worse" in done.stderr
    assert os.fspath(clone.root) and clone.git("tag", "--list", "lm#prod#9*") == ""
