"""The SAFE format of wave-mode products, a module for each of its files."""
