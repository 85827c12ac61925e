"""The clear reference: the component's own algorithm on arrays, of tables that pandas has joined, outside of
any TEE and any job. What the runner sealed must be its bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.tee.data import ID, OWNERS, WORKS
from coterie.data import keyed_ids
from coterie.learn.boosting import BoostingParams
from coterie.learn.boosting.clear import fit


def model(spec: dict[str, Any]) -> bytes:
    """XGBoost's stored model, of the rows in the order of their keyed hashes."""
    work = next(one for one in WORKS if one.name == spec["work"])
    tables = []
    for owner in OWNERS:
        table = pd.read_parquet(spec["files"][owner])
        tables.append(table.set_index(table.pop(ID).str.strip().str.lower()).add_prefix(f"{owner}."))
    whole = tables[0].join(tables[1], how="inner")
    hashes = keyed_ids(pa.array(whole.index.to_list(), pa.large_string()), bytes.fromhex(spec["id_key"]))
    whole = whole.iloc[sorted(range(len(whole)), key=[bytes(one) for one in hashes].__getitem__)]
    places = tuple((owner, name) for owner in OWNERS for name in work.columns[owner])
    params = BoostingParams.model_validate(work.params)
    values = np.empty((len(whole), len(places)), np.float32)
    for place, (owner, name) in enumerate(places):
        values[:, place] = whole[f"{owner}.{name}"]
    label = whole[f"{OWNERS[0]}.{work.label}"].to_numpy(np.float64)
    library = params.library(places, work.params["threads"])
    return bytes(fit(values, label, ["q"] * len(places), library, params).booster.save_raw("ubj"))


def main(spec_path: str, result_path: str) -> None:
    """Train once."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    Path(result_path).write_text(json.dumps({"model": model(spec).hex()}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
