"""From an archive of products to a model with its card and its report: a plan of stages that resume."""
