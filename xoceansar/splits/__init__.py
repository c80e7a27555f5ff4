"""Which vignettes see the same sea, and how they are divided into parts that share none of it."""
