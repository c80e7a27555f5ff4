"""Vignettes listed by STAC: what items say of each, and reading them asset by asset."""
