"""`python -m greencore.monkey`."""

from greencore.monkey._main import main

main()
