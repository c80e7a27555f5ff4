"""Vignettes gathered in cells of longitude and latitude."""
