"""Stored boosted trees that are not what they should be: refused before XGBoost sees them."""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.crypto import canonical, digest, parse_json
from coterie.errors import CoterieError
from coterie.learn.boosting import Boosting, load_model, ubjson

from .learners import alone

MAGIC = b"coterie.boosting/1\n"
MARKS = {">i1": b"i", ">u1": b"U", ">i2": b"I", ">i4": b"l", ">i8": b"L", ">f4": b"d", ">f8": b"D"}


@functools.cache
def stored() -> bytes:
    params = {"rounds": 6, "max_depth": 3, "categorical": ["lender.job", "lender.region"], "threads": 1}
    outcome = alone(("boosting", Boosting(), params), evaluate=False)
    return outcome.published["model/boosting.model"]


def parts() -> tuple[dict[str, Any], bytes]:
    """Header and body of a sound model."""
    content = stored()[len(MAGIC) :]
    length = int.from_bytes(content[:4], "little")
    return parse_json(content[4 : 4 + length], limit=length), content[4 + length :]


def whole(header: dict[str, Any], body: bytes) -> bytes:
    """A model file whose length and digest are right."""
    text = canonical({**header, "body_size": len(body), "body_digest": digest(body)})
    return MAGIC + len(text).to_bytes(4, "little") + text + body


def ubj(value: Any) -> bytes:
    """The document as XGBoost writes it."""
    if isinstance(value, dict):
        return b"{" + b"".join(_text(name) + ubj(item) for name, item in value.items()) + b"}"
    if isinstance(value, np.ndarray):
        head = b"[$" + MARKS[value.dtype.str.replace("|", ">")] + b"#L"
        return head + struct.pack(">q", len(value)) + value.tobytes()
    if isinstance(value, list):
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(ubj, value))
    if isinstance(value, str):
        return b"S" + _text(value)
    return b"i" + struct.pack(">b", value) if -128 <= value < 128 else b"l" + struct.pack(">i", value)


def _text(text: str) -> bytes:
    return b"L" + struct.pack(">q", len(text.encode())) + text.encode()


def refused(content: bytes, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
    """CT-3053, and XGBoost has not seen it."""
    if monkeypatch is not None:
        monkeypatch.setattr("coterie.learn.boosting.clear.loaded", _seen)
    with pytest.raises(CoterieError) as caught:
        load_model(content)
    assert caught.value.code == "CT-3053"


def _seen(body: bytes) -> Any:
    raise AssertionError("XGBoost saw it")


def test_a_document_that_is_written_again_is_the_same() -> None:
    header, body = parts()
    assert ubj(ubjson.read(body)) == body
    assert whole(header, body) == stored()
    load_model(stored())


def replaced(values: Any, place: int, value: Any) -> Any:
    changed = values.copy()
    changed[place] = value
    return changed


def at(name: str, place: int | None, value: Any) -> Callable[[Any], None]:
    """Change an array of the second tree; its first inner node where no place is given."""

    def change(document: Any) -> None:
        tree = _tree(document)
        tree[name] = replaced(tree[name], 0 if place is None else place, value)

    return change


def _tree(document: Any) -> Any:
    return document["learner"]["gradient_booster"]["model"]["trees"][1]


def put(path: str, value: Any) -> Callable[[Any], None]:
    """Set one member, a dot for each level; REMOVED takes it out."""

    def change(document: Any) -> None:
        *levels, last = path.split(".")
        for level in levels:
            document = document[int(level) if level.isdigit() else level]
        if value is REMOVED:
            del document[last]
        else:
            document[last] = value

    return change


REMOVED = object()
MODEL = "learner.gradient_booster.model"


def _swap_children(document: Any) -> None:
    """Two inner nodes share a child, and another is reached by nobody."""
    tree = _tree(document)
    tree["left_children"] = replaced(tree["left_children"], 1, tree["left_children"][2])


def _circle(document: Any) -> None:
    """A leaf that leads back to the root."""
    tree = _tree(document)
    leaf = int(np.flatnonzero(tree["left_children"] < 0)[0])
    tree["left_children"] = replaced(tree["left_children"], leaf, 0)
    tree["right_children"] = replaced(tree["right_children"], leaf, 0)


def _chain(document: Any) -> None:
    """A proper tree that is deeper than its parameters say."""
    tree, inner = _tree(document), 7
    size = 2 * inner + 1
    left, right = np.full(size, -1, ">i4"), np.full(size, -1, ">i4")
    left[0 : 2 * inner : 2] = np.arange(1, size, 2)
    right[0 : 2 * inner : 2] = np.arange(2, size, 2)
    parents = np.r_[2**31 - 1, np.repeat(np.arange(0, 2 * inner, 2), 2)].astype(">i4")
    for name, values in tree.items():
        if isinstance(values, np.ndarray):
            kept = 0 if name.startswith("categories") else size
            tree[name] = np.zeros(kept, values.dtype)
    tree.update(left_children=left, right_children=right, parents=parents)
    tree["tree_param"]["num_nodes"] = str(size)


CHANGES: dict[str, Callable[[Any], None]] = {
    "a threshold that is NaN": at("split_conditions", None, np.nan),
    "leaves that add up to infinity": at("split_conditions", -1, 3e38),
    "a leaf that is infinite": at("split_conditions", -1, np.inf),
    "a weight that is NaN": at("base_weights", -1, np.nan),
    "a child far away": at("left_children", None, 2**30),
    "a child one too far": at("right_children", None, 10**4),
    "a negative child that is no leaf": at("left_children", -1, -5),
    "one child only": at("right_children", None, -1),
    "a child of two parents": _swap_children,
    "a circle": _circle,
    "a tree that is too deep": _chain,
    "another parent": at("parents", -1, 0),
    "a root with a parent": at("parents", 0, 1),
    "a column that there is not": at("split_indices", None, 6),
    "a negative column": at("split_indices", None, -1),
    "a way that is neither": at("default_left", None, 2),
    "a number split by name": at("split_type", None, 1),
    "a category that there is not": put(f"{MODEL}.trees.0.categories", np.array([10**6], ">i4")),
    "an array of another type": put(f"{MODEL}.trees.0.left_children", np.zeros(3, ">i8")),
    "a list for an array": put(f"{MODEL}.trees.0.left_children", [0, 0]),
    "arrays of different length": put(f"{MODEL}.trees.0.parents", np.zeros(1, ">i4")),
    "an empty tree": put(f"{MODEL}.trees.0.left_children", np.zeros(0, ">i4")),
    "deleted nodes": put(f"{MODEL}.trees.0.tree_param.num_deleted", "1"),
    "another number of nodes": put(f"{MODEL}.trees.0.tree_param.num_nodes", "1000000"),
    "leaves of vectors": put(f"{MODEL}.trees.0.tree_param.size_leaf_vector", "3"),
    "a tree of another name": put(f"{MODEL}.trees.0.id", 3),
    "a member too many": put(f"{MODEL}.trees.0.extra", 1),
    "a member too few": put(f"{MODEL}.trees.0.sum_hessian", REMOVED),
    "no trees": put(f"{MODEL}.trees", []),
    "another number of trees": put(f"{MODEL}.gbtree_model_param.num_trees", "7"),
    "parallel trees": put(f"{MODEL}.gbtree_model_param.num_parallel_tree", "2"),
    "another class": put(f"{MODEL}.tree_info", [0, 0, 1, 0, 0, 0]),
    "other rounds": put(f"{MODEL}.iteration_indptr", [0, 1, 2, 3, 4, 5, 100]),
    "categories of its own": put(f"{MODEL}.cats.enc", [1]),
    "another booster": put("learner.gradient_booster.name", "gblinear"),
    "a version of tomorrow": put("version", [4, 0, 0]),
    "a version of words": put("version", "3.2.0"),
    "attributes": put("learner.attributes", {"best_iteration": "3"}),
    "names": put("learner.feature_names", ["a", "b", "c", "d", "e", "f"]),
    "other types": put("learner.feature_types", ["q"] * 6),
    "another width": put("learner.learner_model_param.num_feature", "7"),
    "classes": put("learner.learner_model_param.num_class", "3"),
    "a base score that is NaN": put("learner.learner_model_param.base_score", "[nan]"),
    "a base score of 1": put("learner.learner_model_param.base_score", "[1E0]"),
    "a base score that is a list": put("learner.learner_model_param.base_score", [1]),
    "another objective": put("learner.objective.name", "reg:squarederror"),
    "an objective of its own": put("learner.objective", {"name": "binary:logistic", "import": {"os": "1"}}),
    "a weight in words": put("learner.objective.reg_loss_param", {"scale_pos_weight": "high"}),
    "a list": put("learner", []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_trees_that_cannot_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    header, body = parts()
    document = ubjson.read(body)
    CHANGES[name](document)
    refused(whole(header, ubj(document)), monkeypatch)


def _splits_by_name(**changes: Any) -> bytes:
    header, body = parts()
    document = ubjson.read(body)
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    tree = next(one for one in trees if len(one["categories"]))
    for name, change in changes.items():
        tree[name] = change(tree[name])
    return whole(header, ubj(document))


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": lambda codes: replaced(codes, 0, 60)},
        {"categories": lambda codes: replaced(codes, 0, -1)},
        {"categories": lambda codes: codes[:-1]},
        {"categories_sizes": lambda sizes: replaced(sizes, 0, 2**40)},
        {"categories_sizes": lambda sizes: replaced(sizes, 0, -(2**62))},
        {"categories_segments": lambda starts: replaced(starts, 0, 1)},
        {"categories_nodes": lambda nodes: replaced(nodes, 0, 10**6)},
        {"categories_nodes": lambda nodes: nodes[:0]},
        {"split_type": lambda kinds: kinds * 0},
    ],
)
def test_splits_by_name_that_cannot_be(changes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    load_model(_splits_by_name())
    refused(_splits_by_name(**changes), monkeypatch)


HEADERS: dict[str, dict[str, Any]] = {
    "other columns": {"columns": {"lender": ["age"]}, "categories": [None]},
    "columns in another number": {"categories": [None]},
    "another owner": {"order": ["payments"]},
    "no owner": {"order": [], "columns": {}, "categories": []},
    "a column twice": {"columns": {"lender": ["age", "age", "late", "owns", "region", "job"]}},
    "categories out of order": {"categories": [None] * 4 + [[80, 10], ["a"]]},
    "categories of both kinds": {"categories": [None] * 4 + [[10, "a"], ["a"]]},
    "no categories": {"categories": [None] * 4 + [[], ["a"]]},
    "fewer categories": {"categories": [None] * 4 + [[10, 20], ["a"]]},
    "numbers for categories": {"categories": [None] * 6},
    "fewer trees than said": {"made": {"library": "3", "threads": 1, "rows": 1, "held_back": 0, "trees": 5}},
    "a party more": {"somebody": 1},
    "a parameter more": {"params": {"rounds": 6, "shell": "true"}},
    "another objective": {"params": {"objective": "gamma"}},
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_do_not_fit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    header, body = parts()
    refused(whole({**header, **HEADERS[name]}, body), monkeypatch)


def test_files_that_are_no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    content = stored()
    header, body = parts()
    for wrong in (
        b"",
        b"\x80\x04\x95",
        content[:-1],
        content + b"\0",
        content[: len(MAGIC) + 3],
        content.replace(b"boosting/1", b"boosting/2", 1),
        MAGIC + b"\xff\xff\xff\xff" + content,
        MAGIC + (2).to_bytes(4, "little") + b"[]",
        content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
        whole({**header, "params": []}, body),
        whole(header, b""),
        whole(header, b"{"),
        whole(header, b"[" * 10**5),
        whole(header, (b"[#L" + struct.pack(">q", 1)) * 10**5),
        whole(header, b"[#L" + struct.pack(">q", 2**62)),
        whole(header, b"[#L" + struct.pack(">q", 10**6 + 10**5) + b"{}" * (10**6 + 10**5)),
        whole(header, b"[$d#L" + struct.pack(">q", 2**61)),
        whole(header, b"[$d#L" + struct.pack(">q", -1)),
        whole(header, b"[$S#L" + struct.pack(">q", 1)),
        whole(header, b"SL" + struct.pack(">q", 2**40) + b"a"),
        whole(header, b"Si\x01a"),
        whole(header, b"Z"),
        whole(header, body + b"N"),
        whole(header, body.replace(b"L\0\0\0\0\0\0\0\7version", b"L\0\0\0\0\0\0\0\7learner")),
    ):
        refused(wrong, monkeypatch)


def test_a_file_that_claims_gigabytes_is_refused_by_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    header, body = parts()
    text = canonical({**header, "body_size": 2**40, "body_digest": digest(body)})
    refused(MAGIC + len(text).to_bytes(4, "little") + text + body, monkeypatch)


@functools.cache
def some_rows() -> Any:
    outcome = alone(
        ("boosting", Boosting(), {"rounds": 1, "categorical": ["lender.job", "lender.region"]}),
        evaluate=False,
    )
    return outcome.frames["test"]


@settings(max_examples=150)
@given(st.data())
def test_whatever_bytes_change_it_is_refused_or_it_scores(data: st.DataObject) -> None:
    """No change of a byte, digest made good, lets XGBoost read where it should not, or gives no number."""
    header, body = parts()
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CoterieError):
        model = load_model(whole(header, bytes(changed)))
        scores = model.scores(some_rows())
        assert ((scores >= 0) & (scores <= 1)).all()
        assert model.shares(some_rows(), 20).shape == (20, 7)
