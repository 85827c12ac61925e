"""What of an error is kept here, and what of it others read."""

from __future__ import annotations

from coterie.data.errors import ID_DUPLICATE, WRONG_TYPE
from coterie.errors import from_record
from coterie.node.failures import error_view, failure_for_peers, failure_of
from coterie.wire.errors import PEER_GONE


def test_rows_are_named_here_and_nowhere_else() -> None:
    for declared in (ID_DUPLICATE, WRONG_TYPE):
        error = declared("column 'id', line 3 and line 9", party="lender", step="align")
        kept = from_record(failure_of(error).model_dump())  # as it comes from a worker, and from the store
        assert error_view(kept).detail == "column 'id', line 3 and line 9"
        told = failure_for_peers(kept)
        assert (told.code, told.detail, told.party, told.step) == (declared.code, None, "lender", "align")
        assert "line" not in str(from_record(told.model_dump()))


def test_all_other_details_are_for_everybody() -> None:
    error = PEER_GONE("payments, for 30 s")
    assert failure_for_peers(error) == failure_of(error)
