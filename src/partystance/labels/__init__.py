"""One module per place a label can come from."""
