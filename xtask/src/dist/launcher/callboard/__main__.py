"""`python -m callboard` is the command `callboard`."""

import os
import sys

from callboard import command

program = command()
os.execv(program, [program, *sys.argv[1:]])
