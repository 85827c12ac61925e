"""Error codes of models that are linear in the features: 3050 to 3059."""

from coterie.errors import BadInput, define

NO_BOUND = define(
    "CT-3050",
    BadInput,
    "Features have no known bound",
    "Put a `standardize` step before this step.",
)
CONSTANT_FEATURE = define(
    "CT-3051",
    BadInput,
    "A feature does not vary in the training rows",
    "Leave the column out of the job, or split and standardize differently.",
)
NOT_ALONE = define(
    "CT-3052",
    BadInput,
    "What runs in the clear needs all columns in one place",
    "Choose the engine `mpc` or `tee`, or run the job with one party's data.",
)
NO_FEATURES = define(
    "CT-3055", BadInput, "There is no feature to train on", "Name at least one feature column in the job."
)
MODEL_UNFIT = define(
    "CT-3053",
    BadInput,
    "A stored model cannot be read",
    "Use the file as this version wrote it, at the party that it was written for.",
)
MODEL_MISMATCH = define(
    "CT-3054",
    BadInput,
    "The frame has other columns than the model",
    "Score a frame that was prepared by the same steps as the training rows.",
)
