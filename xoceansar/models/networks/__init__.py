"""The networks, in torch: nothing here is imported before a block runs."""
