"""Fit an iceberg detector on a frozen backbone."""
