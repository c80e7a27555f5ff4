"""Simulated products in ESA's formats, a module for each kind of file."""
