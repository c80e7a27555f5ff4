"""The data of a pretraining: dataset, sampler, loader."""
