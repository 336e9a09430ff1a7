"""`python -m partystance` is the `partystance` command."""

from partystance.cli import main

main()
