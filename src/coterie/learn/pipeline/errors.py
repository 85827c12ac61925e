"""Error codes of saved pipelines: 3180 to 3189."""

from coterie.errors import BadInput, NotAgreed, PeerIncompatible, define

__all__ = [
    "NOBODY_RECEIVES",
    "NOT_IN_TEE",
    "NOT_SAVEABLE",
    "PIPELINE_DIFFERS",
    "PIPELINE_ELSEWHERE",
    "PIPELINE_INVALID",
    "PIPELINE_NEWER",
    "PIPELINE_UNKNOWN",
    "SCHEMA_DRIFT",
]

PIPELINE_UNKNOWN = define(
    "CT-3180",
    BadInput,
    "The job uses a saved pipeline that its proposal does not have",
    "Submit the job at a node that has the pipeline: `coterie pipeline list`.",
)
PIPELINE_INVALID = define(
    "CT-3181",
    BadInput,
    "A saved pipeline cannot be read",
    "Take the file of the named party from its job's results again, or save the pipeline again.",
)
PIPELINE_NEWER = define(
    "CT-3182",
    PeerIncompatible,
    "A saved pipeline is of another version than this node can use",
    "Install the release that saved it, or train and save it again with this one.",
)
SCHEMA_DRIFT = define(
    "CT-3183",
    BadInput,
    "The new data does not have the columns that the pipeline was trained on",
    "Bring the named column back in its former type and role, or train and save the pipeline again.",
)
PIPELINE_ELSEWHERE = define(
    "CT-3184",
    BadInput,
    "The pipeline was saved by other parties, or in another engine",
    "Run the job with the datasets of just the parties, and in the engine, that `coterie pipeline show` "
    "names.",
)
NOT_SAVEABLE = define(
    "CT-3185",
    BadInput,
    "A step's change of columns cannot be made again to new rows",
    "Leave the step out before a model that is saved.",
)
NOT_IN_TEE = define(
    "CT-3186",
    BadInput,
    "Pipelines are not saved or used in engine tee yet",
    "Use engine mpc or clear; in engine tee score with the receivers of the model.",
)
NOBODY_RECEIVES = define(
    "CT-3187",
    NotAgreed,
    "Those who would need a result of the step may not have it",
    "Agree on the receivers: `pipeline` goes to every party with data, `scores` to one of them at least.",
)
PIPELINE_DIFFERS = define(
    "CT-3188",
    BadInput,
    "A saved pipeline is not the one that the job names",
    "Compare `coterie pipeline list` at both parties, and name the pipeline by its digest.",
)
