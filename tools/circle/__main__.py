"""`make circle`: from production back into the next version, once round and once poisoned.

In a copy of the project in runs/circle: serve a version, let people shift to another topic, see the
alarm, make the next version of what they agreed to, try it on some of them, promote it, see calm;
then let bots poison the records, and see the candidate refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import time
from pathlib import Path
from typing import Any

import people
from project import Copy, Server

from stemma.files import atomic_file
from stemma.monitoring import watching
from stemma.monitoring.watching.judging import Against
from stemma.monitoring.watching.page import page
from stemma.monitoring.watching.verb import Watch
from stemma.pages.html import html

_CALM, _SHIFTED, _CANARY, _AFTER, _BOTS = 300, 420, 120, 300, 1800  # requests
_SHARE = 25  # percent of people whom the canary answers


@dataclasses.dataclass
class Circle:
    """Goes round in a copy of the project, and says what happens.

    Attributes:
        copy: of the project.
        size: share of the requests of a whole circle.
        pictures: the folder of the pages of `stemma watch`.
        begun: when it began.
        phase: when people began to ask what they ask now.
    """

    copy: Copy
    size: float
    pictures: Path
    begun: float = dataclasses.field(default_factory=time.monotonic)
    phase: float = dataclasses.field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Print a line, with the time since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self.begun), 60)
        print(f"{minutes:2d}:{seconds:02d}  {text}", flush=True)

    def people(self, url: str, texts: list[str], count: int, seed: int, bots: bool = False) -> None:
        """Let people ask, and say who answered them."""
        self.phase = time.monotonic()
        chosen = people.passages(texts, max(8, round(count * self.size)), seed)
        answered = people.ask(url, chosen, seed, good=not bots)
        told = ", ".join(f"{answered.count(one)} by {one}" for one in sorted({*answered}))
        self.say(f"{len(chosen)} requests about {'nonsense' if bots else 'it'}: {told}")

    def watch(self, name: str, against: Against = "evaluation") -> Watch:
        """Look at what the version in production sees, and say what is found."""
        # A look each second, as all of it takes minutes; a month's budget holds all the same.
        seconds = time.monotonic() - self.phase + 1
        found = watching.watch(window=seconds, every=1.0, against=against, root=self.copy.root)
        with atomic_file(self.pictures / f"{name}.html") as handle:
            handle.write(html(page(found)).encode())
        column = found.columns[0]
        drifted = [one.label for one in column.findings if one.alarms]
        told = f"ALARM: {', '.join(drifted)}" if drifted else "calm"
        self.say(f"stemma watch: {column.version} sees {column.requests} requests; {told}")
        return found

    def update(self, *words: str) -> dict[str, Any]:
        """Make the next candidate, and say what became of it."""
        told = self.copy.json("stemma", "update", *words)
        self.say(f"stemma update: {told['selection']['requests']} records with consent and new")
        for one in told["compared"]:
            if one["metric"] == "bits_per_byte":
                self.say(
                    f"  bits per byte, documents of {one['documents']}: "
                    f"{one['difference']['a']:.3f} -> {one['difference']['b']:.3f}"
                )
        refused = [one for one in told["gates"] if not one["passed"]]
        for one in refused:
            self.say(f"  REFUSED {one['gate']}: {one['evidence']}")
        self.say(f"  {told['branch']}: {told['version'] or 'not registered'}")
        return told


def main() -> None:
    """Go round."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", type=float, default=1.0, help="of the populations")
    arguments.add_argument("--project", type=Path, default=Path())
    given = arguments.parse_args()
    folder = given.project.resolve() / "runs" / "circle"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy = Copy.of(given.project.resolve(), folder / "project")
    go_round(Circle(copy, given.size, folder))


def go_round(circle: Circle) -> None:
    """Do all of it; an end that is not the expected one is an error.

    Raises:
        SystemExit: something did not come as it should.
    """
    copy, say = circle.copy, circle.say
    for words in (("register", "--local"), ("promote", "v1.0.0", "staging"),
                  ("promote", "v1.0.0", "prod")):  # fmt: skip
        copy.run("stemma", *words)
    plays = people.plays(copy.root / "data/prepared", copy.root / "data/raw")
    manual = people.manual()
    server = Server(copy)
    say(f"stemma serve: {copy.standing('prod')} on prod answers on {server.url}")
    try:
        circle.people(server.url, plays, _CALM, 1)
        circle.watch("calm")
        say("people turn from plays to Python's manual")
        circle.people(server.url, manual, _SHIFTED, 2)
        expect(circle.watch("alarm").alarms, "an alarm")
        made = circle.update()
        expect(made["version"] == "lm@v1.1.0", "a candidate that the gates let pass")
        try_out(circle, made["version"], manual)
        for stage in ("staging", "prod"):
            copy.run("stemma", "promote", "v1.1.0", stage)
        server.said(r"(lm@v1\.1\.0: ready)")
        say("lm@v1.1.0 is promoted; the server changes over")
        time.sleep(3)
        circle.people(server.url, manual, _AFTER, 4)
        # Most of its test split is still of plays; what it was asked first is what it is for now.
        expect(not circle.watch("after", "first").alarms, "calm")
        say("bots poison the records")
        circle.people(
            server.url,
            [*people.nonsense(plays + manual, 5), *people.nonsense(plays + manual, 6)],
            _BOTS,
            5,
            bots=True,
        )
        poisoned = circle.update("--promote")
        expect(poisoned["refused"] and copy.standing("prod") == "v1.1.0", "a refusal")
        say(f"production: still {copy.standing('prod')}")
    finally:
        server.close()


def try_out(circle: Circle, version: str, texts: list[str]) -> None:
    """Let a candidate answer some people, and see that it is not dropped."""
    server = Server(circle.copy, "--canary", f"{version}={_SHARE}%")
    try:
        circle.say(f"stemma serve --canary {version}={_SHARE}%")
        circle.people(server.url, texts, _CANARY, 3)
        expect(not server.has_said("is dropped"), "a canary that stays")
    finally:
        server.close()


def expect(found: object, what: str) -> None:
    """Stop where something did not come.

    Raises:
        SystemExit: it did not.
    """
    if not found:
        raise SystemExit(f"the circle expected {what}")


if __name__ == "__main__":
    main()
