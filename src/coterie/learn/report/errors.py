"""Error codes of reports: 3175 to 3179."""

from coterie.errors import BadInput, Bug, NotAgreed, define

NOBODY_READS = define(
    "CT-3175",
    NotAgreed,
    "The agreement grants the report to nobody",
    "Add results of the kind `report` to the agreement, or leave the step out.",
)
NO_REPORT = define(
    "CT-3176",
    BadInput,
    "The file is no report of this program",
    "Give a file of the kind `report` as a job of this version wrote it.",
)
OTHER_LANGUAGE = define(
    "CT-3177",
    BadInput,
    "The report has not been written in that language",
    "Run the job with `report: {language: both}`, or read the report in the language that it has.",
)
DOCUMENT_UNFIT = define(
    "CT-3178",
    Bug,
    "A step's document for the report cannot be read",
    "Report it with the component's name and the kind of result.",
)
