"""One attested run, and what its host sees of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.tee.world import World

SIDE = "coterie tee"


@dataclass(frozen=True)
class Run:
    """One measurement, of either side."""

    side: str
    seconds: float
    """Of the runner from its first question to an owner to the end of its process; of the peer from the first
    read byte to the saved model."""
    memory: int
    """The most that the process held, in bytes."""
    model: int = 0
    """Bytes of the model."""
    startup: float | None = None
    """From the host's word to the runner's first question."""
    measuring: float | None = None
    """Of that, hashing the image."""
    asking: float | None = None
    """Evidence, and the owners' answers."""
    opening: float | None = None
    """Opening, and reading the tables."""
    aligning: float | None = None
    training: float | None = None
    """With sealing, the receipt, and the end of the process."""


def measure(world: World, folder: Path) -> tuple[Run, bytes]:
    """Run once; the model as its receiver opens it."""
    shutil.rmtree(folder, ignore_errors=True)
    done = world.run(folder)
    content, marks = world.open(done.outputs[0]), world.marks
    shutil.rmtree(folder)
    run = Run(
        side=SIDE,
        seconds=marks.ended - marks.asked,
        memory=done.receipt.resources.memory,
        model=len(content),
        startup=marks.asked - marks.called,
        measuring=marks.measured - marks.called,
        asking=marks.released - marks.asked,
        opening=marks.steps["align"] - marks.released,
        aligning=marks.steps["boosting"] - marks.steps["align"],
        training=marks.ended - marks.steps["boosting"],
    )
    return run, content
