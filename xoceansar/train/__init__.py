"""Training: heads on frozen features, fine-tuning."""

from xoceansar.train.fitting import fit
from xoceansar.train.heads import fit_knn, fit_logistic, fit_ridge
from xoceansar.train.perceptron import fit_mlp
from xoceansar.train.result import FitResult

__all__ = ["FitResult", "fit", "fit_knn", "fit_logistic", "fit_mlp", "fit_ridge"]
