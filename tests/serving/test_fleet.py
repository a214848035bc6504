"""Which version answers: by name, by role, and for a user the same one every time."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.serving.deployment import AwayError
from stemma.serving.fleet import Fleet, UnknownModelError

USERS = [f"user {n}" for n in range(4000)]


@dataclasses.dataclass
class Standing:
    """What a fleet sees of a deployment."""

    name: str
    state: str = "ready"
    facts: dict[str, Any] = dataclasses.field(default_factory=lambda: {"engine": "none"})
    roles: list[str | None] = dataclasses.field(default_factory=list)

    @property
    def source(self) -> Any:
        artifact = self.name.partition("@")[0]
        return SimpleNamespace(artifact=artifact, digest="d", commit="c", name=self.name)

    @property
    def meter(self) -> Any:
        return SimpleNamespace(role=self.roles.append)


def fleet(share: float = 0.0, **others: Any) -> Any:
    made: Any = Fleet("prod")
    made.current, made.canary = Standing("lm@v1.0.0"), Standing("lm@v1.1.0")
    made.share = share
    for name, value in others.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_a_canary_has_its_share_of_the_users(share: float):
    one = fleet(share)
    met = sum(one.pick("lm", who) is one.canary for who in USERS) / len(USERS)
    # Four standard errors.
    assert abs(met - share) <= 4 * (share * (1 - share) / len(USERS)) ** 0.5
    if share in (0.0, 1.0):
        assert met == share


@given(who=st.text(), share=st.floats(0, 1))
def test_a_user_meets_the_same_version_every_time(who: str, share: float):
    one, another = fleet(share), fleet(share)
    assert len({one.pick("lm", who).name for _ in range(5)}) == 1
    assert another.pick("lm#prod", who).name == one.pick("lm", who).name


def test_a_greater_share_keeps_the_users_it_has():
    few, many = fleet(0.1), fleet(0.3)
    for who in USERS:
        if few.pick("lm", who).name == "lm@v1.1.0":
            assert many.pick("lm", who).name == "lm@v1.1.0"


def test_who_asks_by_name_gets_what_is_named():
    one = fleet(1.0, also=[Standing("lm@v0.9.0")], shadow=Standing("lm@v2.0.0"))
    for name in ("lm@v1.0.0", "lm@v1.1.0", "lm@v0.9.0"):
        assert one.pick(name, "user 1").name == name
    for name in ("lm@v2.0.0", "lm@v9.9.9", "lm#staging", "", "other"):
        with pytest.raises(UnknownModelError, match="is not served here") as caught:
            one.pick(name, "user 1")
        assert "lm@v2.0.0" not in str(caught.value).partition("(")[2]
    assert [told["id"] for told in one.told()] == ["lm@v1.0.0", "lm@v1.1.0", "lm@v0.9.0"]


def test_a_canary_that_is_away_costs_nobody_an_answer():
    one = fleet(1.0)
    one.canary.state = "restarting"
    assert one.pick("lm", "user 1") is one.current
    one.canary = None
    assert one.pick("lm", "user 1") is one.current


def test_nothing_is_ready_yet():
    with pytest.raises(AwayError, match="no version is ready"):
        fleet(current=None).pick("lm", "user 1")
