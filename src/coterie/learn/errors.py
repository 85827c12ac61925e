"""Error codes of the components: 30xx. 3001 to 3049 are for preparation and evaluation."""

from coterie.errors import BadInput, Bug, NotAgreed, PeerMisbehaved, define

FRAME_MISSING = define(
    "CT-3001",
    BadInput,
    "A step needs a frame that no step before it makes",
    "Put `align`, or `stack` in a horizontal job (and `split`), before this step.",
)
MODEL_MISSING = define(
    "CT-3002",
    BadInput,
    "A step needs a model that no step before it makes",
    "Put a training step before this step.",
)
SENDS_FROM_TEE = define(
    "CT-3003",
    Bug,
    "A step would send messages from inside a TEE",
    "Report it with the component's name; run the job with another engine.",
)

TOO_MANY_PARTIES = define(
    "CT-3010",
    BadInput,
    "More parties than can align their rows",
    "Run the job with at most five data parties.",
)
TOO_FEW_COMMON = define(
    "CT-3011",
    BadInput,
    "The datasets have fewer than two rows in common",
    "Compare the id columns' meaning, the declared id rules and the period of the data with the peer.",
)

IDS_REPEATED = define(
    "CT-3012",
    BadInput,
    "A dataset has several rows for one id, which this step does not take",
    "Register it with `duplicates: first` or `duplicates: refuse`.",
)

EMPTY_PART = define(
    "CT-3015",
    BadInput,
    "A part of the split has no rows",
    "Choose another test fraction or salt, or bring more rows.",
)
ONE_CLASS = define(
    "CT-3016",
    BadInput,
    "Rows for training or evaluation have only one of the two label values",
    "Choose another test fraction or salt, or bring more rows with the rarer value.",
)
SPLIT_TWICE = define("CT-3017", BadInput, "The rows are split already", "Use one `split` step in a job.")

COLUMN_ALL_NULL = define(
    "CT-3020",
    BadInput,
    "A column has no value in any training row",
    "Leave the column out of the job or repair it.",
)
FILL_VALUE_UNFIT = define(
    "CT-3021",
    BadInput,
    "The constant does not fit the column's type",
    "Give a constant of the columns' type.",
)

CONSTANT_FEATURE = define(
    "CT-3025",
    BadInput,
    "A feature has the same value in every training row",
    "Leave the column out of the job: it cannot tell rows apart.",
)
NULLS_LEFT = define(
    "CT-3027", BadInput, "A feature has missing values", "Put a `fill` step before this step."
)
NOT_FINITE = define(
    "CT-3028",
    BadInput,
    "A value is not finite",
    "Repair the column: NaN and infinity cannot be used as numbers.",
)

NOT_CLASSIFIED = define(
    "CT-3033",
    BadInput,
    "The scores of this model are no probabilities",
    "Name a model of labels 0 and 1: `logistic`, `naive_bayes`, `glm` of the family `logistic`, `boosting` "
    "and `neural` of labels that are `binary`.",
)
SCORES_NOT_HERE = define(
    "CT-3030",
    NotAgreed,
    "Scores go to the label holder only",
    "Agree on the label holder as the only receiver of scores.",
)
RECORD_INVALID = define(
    "CT-3031",
    PeerMisbehaved,
    "The record of results cannot be read",
    "Ask the label holder's operator; its version or its node is not sound.",
)
RECORD_TOO_LONG = define(
    "CT-3032",
    Bug,
    "The record of results does not fit its planned length",
    "Report it with the job's parameters.",
)

TOO_FEW_LEFT = define(
    "CT-3125",
    BadInput,
    "Fewer than two rows are left",
    "Choose another condition or fraction, or bring more rows.",
)
COLUMN_EXISTS = define(
    "CT-3115",
    BadInput,
    "A step would make a column that is there already",
    "Choose another name for the new column.",
)

COLUMN_NOT_THERE = define(
    "CT-3135",
    BadInput,
    "A parameter names a column that is not in the frame",
    "Name columns as `party.column`, of those that the steps before leave.",
)
NOBODY_RECEIVES = define(
    "CT-3136",
    NotAgreed,
    "Nobody may receive what the step is for",
    "Agree on a receiver of this kind of result, or leave the step out.",
)

TWO_PARTIES = define(
    "CT-3210",
    BadInput,
    "Only two parties can compare their rows like this",
    "Use two datasets, or engine tee for more.",
)

ROWS_HIDDEN = define(
    "CT-3212",
    BadInput,
    "The step needs to know which rows are common, and in this job nobody may",
    "Leave the step out, or align with `membership: known`.",
)

TOO_MANY_RECORDS = define(
    "CT-3265",
    BadInput,
    "A party has more records than a sum with noise has room for",
    "Take a sample of them first.",
)
PRIVACY_UNFIT = define(
    "CT-3266",
    BadInput,
    "A parameter does not go with differential privacy",
    "Leave it out or change it; docs/privacy.md says what each step needs.",
)
TOO_MANY_COLLUDING = define(
    "CT-3267",
    NotAgreed,
    "The agreement lets more parties collude than the sums of this job can stand",
    "Have more parties in the job, let none drop out, set `local: true` in the step's `privacy`, or agree on "
    "fewer under `colluding`.",
)
