"""Saved pipelines: a model with its preparation, kept by each party for itself, and new rows scored by it."""

from coterie.learn.pipeline.file import PipelineFile, read_pipeline
from coterie.learn.pipeline.predict import Predict
from coterie.learn.pipeline.record import Pipeline
from coterie.learn.pipeline.save import Save

__all__ = ["Pipeline", "PipelineFile", "Predict", "Save", "read_pipeline"]
