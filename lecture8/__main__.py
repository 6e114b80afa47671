"""`python -m lecture8`: see `lecture8.cli`."""

import sys

from lecture8.cli import main

# Workers that decode images import this module again where processes are spawned, not forked.
if __name__ == "__main__":
    sys.exit(main())
