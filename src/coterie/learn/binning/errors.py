"""Error codes of binning: 3100 to 3114."""

from coterie.errors import BadInput, NotAgreed, define

COLUMN_UNKNOWN = define(
    "CT-3100",
    BadInput,
    "A parameter names a column that the frame does not have",
    "Name feature columns as `party.column`, as the job has them at this step.",
)
LABELS_TOO_FEW = define(
    "CT-3101",
    BadInput,
    "One of the label values has fewer rows than the smallest group that may be shown",
    "Bring more rows with the rarer label value, or agree on a smaller group.",
)
BINS_NOT_AGREED = define(
    "CT-3102",
    NotAgreed,
    "The owner of a column may not see its bins",
    "Agree on results of kind `bins` to every party whose columns are binned, or leave its columns out.",
)
BINS_MISSING = define(
    "CT-3103",
    BadInput,
    "A step needs bins that no step before it makes",
    "Put `bin` before this step, or name the step that has the bins.",
)
SPECIAL_UNFIT = define(
    "CT-3104",
    BadInput,
    "A special value is no value of its column's type",
    "Give numbers for columns of numbers, and texts for columns of text.",
)
COLUMN_CHANGED = define(
    "CT-3105",
    BadInput,
    "A column is of another type than the one whose bins were learnt",
    "Bring the column in the type that it had in training.",
)
VALUE_UNSEEN = define(
    "CT-3106",
    BadInput,
    "A value has no bin, as none like it occurred in training",
    "Repair the rows, or let the step take such values as neutral with `unseen: neutral`.",
)
TOO_MANY_ROWS = define(
    "CT-3107",
    BadInput,
    "There are more rows than secure counts can hold",
    "Bin a sample of at most 2^29 rows.",
)
