"""A page in the browser on an archive: map, filters, pictures, neighbours, labels."""
