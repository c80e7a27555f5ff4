"""Measure models: baselines to beat and the metrics to beat them by."""

from xoceansar.evaluate.hand_features import HAND_FEATURES, hand_features

__all__ = ["HAND_FEATURES", "hand_features"]
