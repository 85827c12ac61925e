"""Error codes of data: 14xx and 15xx.

A detail names a column, a line and the kind of a value, and never a value itself: errors travel to the other
parties. Names of columns that the owner did not declare stay out of it too.
"""

from coterie.errors import BadInput, Bug, PeerIncompatible, Unavailable, define

SPEC_INVALID = define(
    "CT-1401",
    BadInput,
    "The dataset description cannot be used",
    "Correct the named field and add the dataset again.",
)
YAML_INVALID = define("CT-1402", BadInput, "The text is not YAML", "Correct the named line.")

SOURCE_MISSING = define(
    "CT-1410", BadInput, "No such data file", "Correct the path in the dataset description."
)
SOURCE_NOT_A_FILE = define(
    "CT-1411", BadInput, "The data path is not a file", "Name a file, or a folder of files, not a device."
)
SOURCE_UNREADABLE = define(
    "CT-1412",
    Unavailable,
    "The data file cannot be read",
    "Let the node's user read the file, then try again.",
)
SOURCE_DAMAGED = define(
    "CT-1413",
    BadInput,
    "The data file is damaged",
    "Copy the file again from where it was made; in a folder, take it out if it is none of the table's.",
)
NOT_UTF8 = define(
    "CT-1414", BadInput, "The data file is not UTF-8 text", "Save the file again with UTF-8 encoding."
)
ROW_BROKEN = define(
    "CT-1415",
    BadInput,
    "A row does not have as many cells as the header",
    "Mend the row, its quotes or the delimiter.",
    own_detail=True,
)
EMPTY_TABLE = define("CT-1416", BadInput, "The table has no rows", "Give a file with data.")
TABLE_TOO_LARGE = define(
    "CT-1417",
    BadInput,
    "The table is larger than this node can load",
    "Give the node more memory, or fewer rows.",
)
FOLDER_INVALID = define(
    "CT-1419",
    BadInput,
    "A folder of data files cannot be used",
    "Leave just the files of one table in the folder.",
)

COLUMN_MISSING = define(
    "CT-1420", BadInput, "A declared column is not in the data", "Correct the name or take the column out."
)
COLUMN_TWICE = define(
    "CT-1421", BadInput, "A declared column is in the header twice", "Rename one of the two columns."
)
COLUMN_UNDECLARED = define(
    "CT-1422", BadInput, "A column is not declared", "Ask for columns that the dataset description lists."
)
HEADER_REPEATED = define(
    "CT-1423",
    BadInput,
    "The header line comes again inside the data",
    "Take the second header line out.",
    own_detail=True,
)
PARTS_DIFFER = define(
    "CT-1425",
    BadInput,
    "The files of a folder do not have the same columns",
    "Write the named file again as the first one is.",
)

WRONG_TYPE = define(
    "CT-1430",
    BadInput,
    "A value does not have its column's type",
    "Mend the value, or declare another type.",
    own_detail=True,
)
NULL_VALUE = define(
    "CT-1431",
    BadInput,
    "An empty value in a column that allows none",
    "Fill the value, or declare the column nullable.",
    own_detail=True,
)
NOT_FINITE = define(
    "CT-1432",
    BadInput,
    "An infinite number, or one beyond the range of float64",
    "Replace the value by a finite one.",
    own_detail=True,
)
NOT_NUMERIC = define(
    "CT-1433",
    BadInput,
    "A column of text cannot be used as numbers",
    "Encode the column first, by the step onehot, or bin and woe; or leave it out of the job's `columns`.",
)

ID_DUPLICATE = define(
    "CT-1440",
    BadInput,
    "Two rows have the same id",
    "Remove or merge the duplicate rows, or declare `duplicates: first` or `all`.",
    own_detail=True,
)
ID_NULL = define(
    "CT-1441",
    BadInput,
    "A row has no id",
    "Give every row an id, remove it, or declare `missing_ids: skip`.",
    own_detail=True,
)
KEY_INVALID = define("CT-1442", Bug, "The key of the id hashes is not 32 bytes", "Report it.")
ID_NONE = define(
    "CT-1444",
    BadInput,
    "No row has an id",
    "Look at the id columns and their rules, and add the dataset again.",
    own_detail=True,
)
ID_COLUMNS_DIFFER = define(
    "CT-1446",
    PeerIncompatible,
    "The parties' ids are made of different numbers of columns, so that none would match",
    "Agree on the id columns, in one order, and register the datasets with them.",
)
ROWS_DIFFER = define(
    "CT-1450",
    BadInput,
    "A dataset has another number of rows than its owner has told",
    "Register the dataset as it is now, seal that, and submit the job again.",
    own_detail=True,
)
SOURCE_CHANGED = define(
    "CT-1451",
    Unavailable,
    "The data file has changed while it was in use",
    "Submit the job again when the file is whole; replace files by renaming new ones.",
)
SQL_MISSING = define(
    "CT-1461",
    Unavailable,
    "The driver of the database is not installed",
    'Install the extra: pip install "coterie[sql]".',
)
SECRET_MISSING = define(
    "CT-1463",
    BadInput,
    "The secret of the connection is not there",
    "Set the variable for the node, or put the file where the description says.",
)
SECRET_OPEN = define(
    "CT-1465",
    BadInput,
    "The secret of the connection can be read by others",
    "Give the file to the node's user alone: chmod 600.",
)
SECRET_UNUSABLE = define(
    "CT-1467",
    BadInput,
    "The secret of the connection is no address of a database",
    "Write postgresql://user:password@host/database or sqlite:///whole/path.db, on one line.",
)
SERVER_ABSENT = define(
    "CT-1469",
    Unavailable,
    "The database cannot be reached",
    "See that it runs and lets this node connect, then try again.",
)
SERVER_REFUSES = define(
    "CT-1471",
    BadInput,
    "The database lets nobody in by this secret",
    "Correct the user, the password or the database's name in the secret.",
)
QUERY_REFUSED = define(
    "CT-1473",
    BadInput,
    "The database does not take the query",
    "Correct the query: one statement that only selects, whose result has every declared column.",
)
QUERY_FAILED = define(
    "CT-1475",
    Unavailable,
    "The database has broken off the query",
    "Run the query in the database's own client to see why, then try again.",
)
QUERY_TOO_LARGE = define(
    "CT-1477",
    BadInput,
    "The query gives more rows than the description allows",
    "Narrow the query, or raise rows in the source.",
)
QUERY_TOO_LONG = define(
    "CT-1479",
    BadInput,
    "The query takes longer than the description allows",
    "Narrow the query, or raise seconds in the source.",
)
ROWS_NOT_TAKEN = define(
    "CT-1481",
    BadInput,
    "The rows of the query have not been taken",
    "Refresh the dataset: coterie dataset refresh NAME.",
)

LABEL_NULL = define("CT-1501", BadInput, "A row has no label", "Remove the rows without a label.")
LABEL_NOT_BINARY = define(
    "CT-1502", BadInput, "The label has other values than 0 and 1", "Recode the label column to 0 and 1."
)
LABEL_ELSEWHERE = define(
    "CT-1503",
    Bug,
    "The label was asked for at a party that does not hold it",
    "Report it with the job's pipeline.",
)
FRAME_INVALID = define(
    "CT-1504", Bug, "The parts of a frame do not fit together", "Report it with the job's pipeline."
)
