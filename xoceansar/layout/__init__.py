"""What an xarray object holds: where its vignettes lie along, their images, directions and ice."""
