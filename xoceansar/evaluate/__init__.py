"""Measure models: baselines to beat, truth to compare with, and the metrics to beat them by."""

from xoceansar.evaluate.collocate import collocate
from xoceansar.evaluate.components import wind_vector
from xoceansar.evaluate.hand_features import HAND_FEATURES, hand_features

__all__ = ["HAND_FEATURES", "collocate", "hand_features", "wind_vector"]
