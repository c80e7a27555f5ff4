"""The version of the package, read by the build and by every product's attributes."""

__version__ = "0.1.0"
