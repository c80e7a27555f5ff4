"""Train a backbone together with a head."""
