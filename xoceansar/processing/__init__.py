"""Process many products into one archive."""
