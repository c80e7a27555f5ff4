"""Training: heads on frozen features."""

from xoceansar.train.heads import fit_knn, fit_logistic, fit_mlp, fit_ridge

__all__ = ["fit_knn", "fit_logistic", "fit_mlp", "fit_ridge"]
