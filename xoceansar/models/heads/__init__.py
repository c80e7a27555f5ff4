"""Heads: light functions of an embedding, in numpy."""
