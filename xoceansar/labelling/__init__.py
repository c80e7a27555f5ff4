"""Labels that people give vignettes, and which vignette to label next."""
