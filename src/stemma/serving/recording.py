"""Tells the recorder of requests for text that are over."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemma.errors import SettingsError
from stemma.monitoring import telemetry
from stemma.monitoring.recorder import Recorder
from stemma.monitoring.records import Finished
from stemma.serving.api.server import Server
from stemma.serving.deployment import Deployment
from stemma.serving.measuring import Measurer
from stemma.serving.shadow import Repeated


def install(server: Server, root: Path) -> Callable[[], None]:
    """Let a server keep records, if its settings say so, and return what ends that.

    Args:
        server: whose requests they are of.
        root: the project.

    Raises:
        SettingsError: the settings contradict one another.
        ProjectError: a package is missing that they ask for.
    """
    settings = server.settings.monitoring
    if not settings.record:
        if settings.otel:
            raise SettingsError(
                "monitoring.otel tells of records, and monitoring.record is false",
                "set one of them otherwise",
            )
        return lambda: None
    telling = telemetry.exporting() if settings.otel else None
    listeners = (telling.tell,) if telling else ()
    recorder = Recorder(root, settings, server.metrics.lost.inc, listeners)
    server.recorder = recorder
    server.observers.append(lambda generation: recorder.observe(finished(generation)))
    # After the record: what is said of a prompt belongs to it.
    server.measurer = Measurer(settings, recorder)
    server.observers.append(server.measurer.observe)

    def end() -> None:
        recorder.close()
        if telling:
            telling.close()

    return end


def of_shadow(server: Server, shadow: Deployment) -> Callable[[Any, Repeated], None]:
    """Return what records the answers of a shadow; the client has consented to none of them."""

    def tell(generation: Any, repeated: Repeated) -> None:
        if server.recorder is None:
            return
        one, source = finished(generation), shadow.source
        server.recorder.observe(
            dataclasses.replace(
                one, id=f"{one.id}-shadow", version=source.name, commit=source.commit,
                digest=source.digest, role="shadow", queued=None, first=repeated.first,
                seconds=repeated.seconds, prompt_tokens=repeated.tokens[0],
                completion_tokens=repeated.tokens[1],
                finishes=tuple(repeated.finishes[index] for index in sorted(repeated.finishes)),
                texts=tuple(repeated.texts[index] for index in sorted(repeated.texts)),
                consent=False,
            )
        )  # fmt: skip

    return tell


def finished(generation: Any) -> Finished:
    """Return what is recorded of a request that is over."""
    source, message, clock = (
        generation.deployment.source, generation.message, generation.clock,
    )  # fmt: skip
    indexes = range(generation.answers)
    return Finished(
        id=generation.id,
        time=time.time(),
        version=source.name,
        commit=source.commit,
        digest=source.digest,
        role=generation.role,
        endpoint=generation.endpoint,
        queued=clock.queued,
        first=clock.first,
        seconds=clock.seconds,
        prompt_tokens=generation.prompt,
        completion_tokens=generation.completion,
        answers=generation.answers,
        finishes=tuple(generation.finishes[one] for one in indexes if one in generation.finishes),
        failure=generation.failure,
        seed=message["seed"],
        temperature=message["temperature"],
        who=generation.who,
        key=generation.key,
        prompts=message["prompts"],
        texts=tuple(generation.texts.get(one, "") for one in indexes),
        consent=generation.consent,
    )
