"""Curation: a part of a dataset in which common things no longer crowd out rare ones."""
