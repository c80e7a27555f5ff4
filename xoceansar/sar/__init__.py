"""Physics of the radar image, in numpy: calibration, resampling, geometry, wind, quality."""
