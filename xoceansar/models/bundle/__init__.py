"""Model bundles on disk: read, written, converted from foreign weights, extended."""
