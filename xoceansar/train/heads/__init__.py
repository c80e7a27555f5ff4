"""Fit and calibrate heads on frozen features."""
