"""Level-2 OCN products: ESA's own waves and wind."""
