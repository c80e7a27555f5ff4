"""Charts and folders of benchmark and experiment results."""
