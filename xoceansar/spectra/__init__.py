"""Waves from the complex image: looks, spectra, and what they say of the sea without any training."""
