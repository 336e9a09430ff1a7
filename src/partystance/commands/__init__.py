"""The commands that work on labelled files, one module each; `partystance.cli` registers them."""
