"""`python -m callboard` is the command `callboard`."""

from callboard._host.command import main

main()
