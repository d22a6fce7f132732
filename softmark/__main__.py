"""`python -m softmark`: the command `softmark`."""

from softmark import main

main()
