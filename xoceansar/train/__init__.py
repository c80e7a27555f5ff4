"""Training: heads on frozen features, fine-tuning."""

from xoceansar.train.heads import fit_knn, fit_logistic, fit_ridge
from xoceansar.train.perceptron import fit_mlp

__all__ = ["fit_knn", "fit_logistic", "fit_mlp", "fit_ridge"]
