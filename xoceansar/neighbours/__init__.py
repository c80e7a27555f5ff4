"""Exact nearest neighbours among millions of embeddings."""
