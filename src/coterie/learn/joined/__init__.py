"""What models share that are trained and scored at one place, where all columns are: facts, files, scores."""

from coterie.learn.joined.derived import check_derived, derived_frames, derived_shape, plan_derived
from coterie.learn.joined.envelope import Stored, opened, sealed_header, wrapped
from coterie.learn.joined.errors import (
    LABEL_UNFIT,
    LEARNER_MISSING,
    NO_RECEIVER,
    NO_SUCH_FEATURE,
    SEVERAL_OWNERS,
)
from coterie.learn.joined.facts import JoinedFacts, JoinedModel, JoinedParams
from coterie.learn.joined.saving import SavesJoined
from coterie.learn.joined.scores import score_plan, score_run
from coterie.learn.joined.training import (
    check_whole,
    give_rows,
    granted,
    held_back,
    need_library,
    training_columns,
    training_frame,
    training_shape,
)

__all__ = [
    "LABEL_UNFIT",
    "LEARNER_MISSING",
    "NO_RECEIVER",
    "NO_SUCH_FEATURE",
    "SEVERAL_OWNERS",
    "JoinedFacts",
    "JoinedModel",
    "JoinedParams",
    "SavesJoined",
    "Stored",
    "check_derived",
    "check_whole",
    "derived_frames",
    "derived_shape",
    "give_rows",
    "granted",
    "held_back",
    "need_library",
    "opened",
    "plan_derived",
    "score_plan",
    "score_run",
    "sealed_header",
    "training_columns",
    "training_frame",
    "training_shape",
    "wrapped",
]
