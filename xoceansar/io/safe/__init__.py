"""Sentinel-1 Wave Mode SLC products in the SAFE format."""
