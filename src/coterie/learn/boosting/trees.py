"""What XGBoost stores of a model, checked before XGBoost sees it.

Its own reader trusts that children, columns and categories of a tree are within their ranges, and follows
them without a further check when it scores. So all of it is followed here first: only a forest of proper
binary trees over the declared columns, with finite numbers, passes. The layout is that of XGBoost 3
(doc/model.schema of its sources); other members than the known ones are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.learn.boosting import ubjson
from coterie.learn.boosting.columns import Feature
from coterie.learn.boosting.params import OBJECTIVES, BoostingParams

__all__ = ["check"]

Integers: TypeAlias = NDArray[np.int64]

MAJOR = 3
LARGEST = 1e38
NO_PARENT, LEAF = 2**31 - 1, -1
ARRAYS = {
    "base_weights": "f4",
    "categories": "i4",
    "categories_nodes": "i4",
    "categories_segments": "i8",
    "categories_sizes": "i8",
    "default_left": "u1",
    "left_children": "i4",
    "loss_changes": "f4",
    "parents": "i4",
    "right_children": "i4",
    "split_conditions": "f4",
    "split_indices": "i4",
    "split_type": "u1",
    "sum_hessian": "f4",
}
"""Of a tree, with their types."""
OBJECTIVE_PARAMS = {
    "binary": "reg_loss_param",
    "squared_error": "reg_loss_param",
    "poisson": "poisson_regression_param",
    "gamma": "reg_loss_param",
    "tweedie": "tweedie_regression_param",
}
NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,60})?(E[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


def check(body: bytes | memoryview, features: Sequence[Feature], params: BoostingParams) -> int:
    """Number of trees of a stored model, which :func:`coterie.learn.boosting.clear.loaded` may read then.

    Raises ValueError for whatever is not such a model of these features and parameters.
    """
    document = _members(ubjson.read(body), "learner", "version")
    version = document["version"]
    if not _is_list(version, int, 3) or version[0] != MAJOR:
        raise ValueError("version")
    learner = _members(
        document["learner"],
        "attributes",
        "feature_names",
        "feature_types",
        "gradient_booster",
        "learner_model_param",
        "objective",
    )
    if learner["attributes"] != {} or learner["feature_names"] != []:
        raise ValueError("attributes or names")
    if learner["feature_types"] != [feature.kind for feature in features]:
        raise ValueError("types of features")
    _check_objective(learner["objective"], params)
    _check_constants(learner["learner_model_param"], len(features), params)
    booster = _members(learner["gradient_booster"], "model", "name")
    if booster["name"] != "gbtree":
        raise ValueError("kind of booster")
    return _check_forest(booster["model"], features, params)


def _members(value: Any, *names: str) -> dict[str, Any]:
    """An object of just these members."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise ValueError(f"not an object of {', '.join(names)}")
    return value


def _is_list(value: Any, kind: type, length: int) -> bool:
    return isinstance(value, list) and len(value) == length and all(type(item) is kind for item in value)


def _check_objective(value: Any, params: BoostingParams) -> None:
    known = OBJECTIVE_PARAMS[params.objective]
    objective = _members(value, "name", known)
    if objective["name"] != OBJECTIVES[params.objective]:
        raise ValueError("objective")
    given = objective[known]
    if not isinstance(given, dict) or len(given) != 1 or not all(map(_is_number, given.values())):
        raise ValueError("parameters of the objective")


def _is_number(text: Any) -> bool:
    return isinstance(text, str) and NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _check_constants(value: Any, width: int, params: BoostingParams) -> None:
    names = ("base_score", "boost_from_average", "num_class", "num_feature", "num_target")
    constants = _members(value, *names)
    base = constants.pop("base_score")
    if not isinstance(base, str) or base[:1] != "[" or base[-1:] != "]" or not _is_number(base[1:-1]):
        raise ValueError("base score")
    score = float(base[1:-1])
    if (params.objective != "squared_error" and score <= 0) or (params.classifies and score >= 1):
        raise ValueError("base score beyond the link")
    wanted = {"boost_from_average": "1", "num_class": "0", "num_feature": str(width), "num_target": "1"}
    if constants != wanted:
        raise ValueError("constants of the model")


def _check_forest(value: Any, features: Sequence[Feature], params: BoostingParams) -> int:
    model = _members(value, "cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees")
    cats = _members(model["cats"], "enc", "feature_segments", "sorted_idx")
    if any(len(part) if isinstance(part, list | np.ndarray) else 1 for part in cats.values()):
        raise ValueError("categories of its own")
    trees = model["trees"]
    if not isinstance(trees, list) or not 1 <= len(trees) <= params.rounds:
        raise ValueError("number of trees")
    count = len(trees)
    if model["gbtree_model_param"] != {"num_parallel_tree": "1", "num_trees": str(count)}:
        raise ValueError("count of trees")
    if model["iteration_indptr"] != list(range(count + 1)) or model["tree_info"] != [0] * count:
        raise ValueError("order of trees")
    for number, tree in enumerate(trees):
        _check_tree(tree, number, features, params)
    if sum(_largest_leaf(tree) for tree in trees) > LARGEST:
        raise ValueError("leaves that could add up to infinity")
    return count


def _largest_leaf(tree: dict[str, Any]) -> float:
    return float(np.abs(tree["split_conditions"][tree["left_children"] == LEAF]).max())


def _check_tree(value: Any, number: int, features: Sequence[Feature], params: BoostingParams) -> None:
    tree = _members(value, "id", "tree_param", *ARRAYS)
    for name, kind in ARRAYS.items():
        if not isinstance(tree[name], np.ndarray) or tree[name].dtype != np.dtype(f">{kind}"):
            raise ValueError(f"{name} is no array of its type")
    left = tree["left_children"].astype(np.int64)
    size = len(left)
    if not 1 <= size <= params.largest_tree:
        raise ValueError("size of a tree")
    wanted = {
        "num_deleted": "0",
        "num_feature": str(len(features)),
        "num_nodes": str(size),
        "size_leaf_vector": "1",
    }
    if tree["tree_param"] != wanted or tree["id"] != number:
        raise ValueError("constants of a tree")
    if any(len(tree[name]) != size for name in ARRAYS if not name.startswith("categories")):
        raise ValueError("arrays of different length")
    if not all(np.isfinite(tree[name]).all() for name in ARRAYS if ARRAYS[name] == "f4"):
        raise ValueError("a number that is not finite")
    right, parents = tree["right_children"].astype(np.int64), tree["parents"].astype(np.int64)
    _check_shape(left, right, parents, params.max_depth)
    inner = np.flatnonzero(left >= 0)
    columns = tree["split_indices"].astype(np.int64)
    if columns.min() < 0 or columns.max() >= len(features) or tree["default_left"].max() > 1:
        raise ValueError("column or way of a split")
    names = np.array([feature.categories is not None for feature in features])
    by_name = np.zeros(size, np.uint8)
    by_name[inner] = names[columns[inner]]
    if not np.array_equal(by_name, tree["split_type"]):
        raise ValueError("kind of a split")
    _check_categories(tree, np.flatnonzero(by_name), columns, features)


def _check_shape(left: Integers, right: Integers, parents: Integers, depth: int) -> None:
    """One tree of inner nodes with two children each: level by level from the root, every node once."""
    size, level = len(left), np.zeros(1, np.int64)
    if not np.array_equal(left == LEAF, right == LEAF) or min(left.min(), right.min()) < LEAF:
        raise ValueError("children")
    if parents[0] != NO_PARENT:
        raise ValueError("root")
    seen = np.zeros(size, bool)
    seen[0] = True
    for _ in range(depth + 1):
        level = level[left[level] >= 0]
        if not len(level):
            break
        children = np.concatenate([left[level], right[level]])
        if children.max() >= size or seen[children].any() or len(np.unique(children)) != len(children):
            raise ValueError("a child out of range, or of two parents")
        seen[children] = True
        if not np.array_equal(parents[children], np.concatenate([level, level])):
            raise ValueError("a child that knows another parent")
        level = children
    else:
        raise ValueError("deeper than declared")
    if not seen.all():
        raise ValueError("a node that nobody reaches")


def _check_categories(
    tree: dict[str, Any], nodes: Integers, columns: Integers, features: Sequence[Feature]
) -> None:
    """Of each split by name: its own stretch of codes, of categories that the column has."""
    starts = tree["categories_segments"].astype(np.int64)
    sizes = tree["categories_sizes"].astype(np.int64)
    codes = tree["categories"].astype(np.int64)
    if not np.array_equal(tree["categories_nodes"], nodes) or not len(starts) == len(sizes) == len(nodes):
        raise ValueError("nodes of splits by category")
    if len(sizes) and (sizes.min() < 1 or sizes.max() > len(codes)):
        raise ValueError("number of categories of a split")
    ends = np.cumsum(sizes)
    if not np.array_equal(starts, ends - sizes) or (ends[-1] if len(ends) else 0) != len(codes):
        raise ValueError("stretches of categories")
    counts = np.array([len(feature.categories or ()) for feature in features])
    if len(codes) and (codes.min() < 0 or (codes >= np.repeat(counts[columns[nodes]], sizes)).any()):
        raise ValueError("a category that the column has not")
