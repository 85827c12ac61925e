"""The key of the id hashes reaches the runner through a host, who could wrap one of its own: it is held
against the commitment in the terms.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from coterie.agreement import Terms, commitment
from coterie.errors import CoterieError
from coterie.jobs.attested.runner import _id_key
from coterie.tee import Task
from tests.tee.joint import agreed, people

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def terms(tmp_path_factory: pytest.TempPathFactory) -> Terms:
    home: Path = tmp_path_factory.mktemp("people")
    return agreed(people(home)).terms.model_copy(update={"id_key": commitment(KEY)})


def task(**secrets: bytes) -> Task:
    """What the work gets, as far as the key is concerned."""
    opened = dict.fromkeys(("lender", "payments"))
    return Task(None, b"", opened, secrets, lambda step: None)  # type: ignore[arg-type]


def test_the_key_that_was_agreed(terms: Terms) -> None:
    assert _id_key(task(lender=KEY, payments=KEY), terms) == KEY


@pytest.mark.parametrize(
    ("secrets", "whose"),
    [
        ({"lender": bytes(32), "payments": bytes(32)}, "lender"),  # the host's own, for everybody
        ({"lender": KEY, "payments": bytes(32)}, "payments"),  # or for one of them
        ({"lender": KEY}, "payments"),  # or left out
        ({"lender": KEY[:31], "payments": KEY}, "lender"),
        ({}, "lender"),
    ],
)
def test_a_key_that_the_owners_did_not_agree_on(terms: Terms, secrets: dict[str, bytes], whose: str) -> None:
    with pytest.raises(CoterieError) as caught:
        _id_key(task(**secrets), terms)
    assert (caught.value.code, caught.value.party) == ("CT-4035", whose)


def test_terms_without_a_commitment_have_no_key(terms: Terms) -> None:
    with pytest.raises(CoterieError) as caught:
        _id_key(task(lender=KEY, payments=KEY), terms.model_copy(update={"id_key": None}))
    assert caught.value.code == "CT-4035"
