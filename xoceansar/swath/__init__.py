"""Wide swaths: cut into vignettes, and results put back as fields."""
