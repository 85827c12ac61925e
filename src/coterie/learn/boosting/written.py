"""Trees that were not grown by XGBoost, as XGBoost stores them: it scores and explains by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coterie.learn.boosting import ubjson
from coterie.learn.boosting.columns import Feature
from coterie.learn.boosting.growing import Tree
from coterie.learn.boosting.objectives import LARGEST_STEP
from coterie.learn.boosting.params import OBJECTIVES, BoostingParams
from coterie.learn.boosting.trees import ARRAYS, OBJECTIVE_PARAMS

__all__ = ["model_document"]

VERSION = (3, 2, 0)
"""Of the layout."""
PLAIN = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def model_document(
    trees: Sequence[Tree], base: np.float32, features: Sequence[Feature], params: BoostingParams
) -> bytes:
    """A model, of numbers only: :func:`coterie.learn.boosting.trees.check` passes it.

    :param base: what is expected of any row before the first tree.
    """
    width, count = len(features), len(trees)
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [feature.kind for feature in features],
        "gradient_booster": {
            "model": {
                "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
                "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(count)},
                "iteration_indptr": list(range(count + 1)),
                "tree_info": [0] * count,
                "trees": [_tree(tree, number, width) for number, tree in enumerate(trees)],
            },
            "name": "gbtree",
        },
        "learner_model_param": {
            "base_score": f"[{_text(base)}]",
            "boost_from_average": "1",
            "num_class": "0",
            "num_feature": str(width),
            "num_target": "1",
        },
        "objective": _objective(params),
    }
    return ubjson.write({"learner": learner, "version": list(VERSION)})


def _text(number: np.float32) -> str:
    return str(np.format_float_scientific(number, unique=True, exp_digits=1, trim="-")).upper()


def _objective(params: BoostingParams) -> dict[str, Any]:
    given = {
        "reg_loss_param": {"scale_pos_weight": _text(np.float32(params.scale_pos_weight))},
        "poisson_regression_param": {"max_delta_step": _text(LARGEST_STEP)},
        "tweedie_regression_param": {"tweedie_variance_power": _text(np.float32(params.tweedie_power))},
    }
    known = OBJECTIVE_PARAMS[params.objective]
    return {"name": OBJECTIVES[params.objective], known: given[known]}


def _tree(tree: Tree, number: int, width: int) -> dict[str, Any]:
    size = tree.size
    arrays = {
        name: np.empty(0) if name in PLAIN else np.zeros(size) if name == "split_type" else tree.array(name)
        for name in ARRAYS
    }
    return {
        **{name: values.astype(f">{ARRAYS[name]}") for name, values in arrays.items()},
        "id": number,
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(width),
            "num_nodes": str(size),
            "size_leaf_vector": "1",
        },
    }
