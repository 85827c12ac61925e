"""What models share whose predictor is a sum of coefficients times features: own columns, stored models,
scores."""

from coterie.learn.linear.columns import (
    Moments,
    Place,
    feature_columns,
    moments,
    need_all_here,
    own_columns,
    place_of,
    places_of,
)
from coterie.learn.linear.errors import (
    CONSTANT_FEATURE,
    MODEL_MISMATCH,
    MODEL_UNFIT,
    NO_BOUND,
    NO_FEATURES,
    NOT_ALONE,
)
from coterie.learn.linear.model import ClearModel, ModelFacts, SharedModel, load_model
from coterie.learn.linear.params import Floats, LinearParams, sigmoid
from coterie.learn.linear.products import gram, turned
from coterie.learn.linear.saving import SavesLinear
from coterie.learn.linear.scores import score_plan, score_run
from coterie.learn.linear.statement import CLEAR, MODEL, model_reveals

__all__ = [
    "CLEAR",
    "CONSTANT_FEATURE",
    "MODEL",
    "MODEL_MISMATCH",
    "MODEL_UNFIT",
    "NOT_ALONE",
    "NO_BOUND",
    "NO_FEATURES",
    "ClearModel",
    "Floats",
    "LinearParams",
    "ModelFacts",
    "Moments",
    "Place",
    "SavesLinear",
    "SharedModel",
    "feature_columns",
    "gram",
    "load_model",
    "model_reveals",
    "moments",
    "need_all_here",
    "own_columns",
    "place_of",
    "places_of",
    "score_plan",
    "score_run",
    "sigmoid",
    "turned",
]
