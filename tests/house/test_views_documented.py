"""What the REST API says of a job that can lose parties is described, field by field."""

from __future__ import annotations

import json
import re
from pathlib import Path

from coterie.node import DropoutsView, LostView

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")


def test_the_view_of_dropouts_is_described() -> None:
    shown = re.search(r'"dropouts": (\{.*?\n\})', PAGE, re.DOTALL)
    assert shown is not None
    view = DropoutsView.model_validate(json.loads(shown[1]))
    assert view.model_dump(mode="json") == json.loads(shown[1])  # no field more or less than there is
    assert view.lost
    for field in (*DropoutsView.model_fields, *LostView.model_fields):
        assert f"`{field}`" in PAGE
