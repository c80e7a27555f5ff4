"""TenGeoP-SARwv, the labelled set of quick-looks."""
