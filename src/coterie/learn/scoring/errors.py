"""Error codes of scoring. Missing models and frames have those of the floor, CT-3001 and CT-3002."""

from coterie.errors import BadInput, define

__all__ = ["CLASSES_UNFIT", "SCORES_STALE"]

CLASSES_UNFIT = define(
    "CT-3244",
    BadInput,
    "The step and the number of classes of the model's label do not fit",
    "Use `evaluate` or `predict` with a model of several classes; train with `task: binary` for other steps.",
)
SCORES_STALE = define(
    "CT-3165",
    BadInput,
    "The rows of a frame have changed since they were scored",
    "Put steps that take rows away or draw them before the first step that scores the frame.",
)
