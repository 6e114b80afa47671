"""`python -m lecture8`: see `lecture8.scale.command`."""

import sys

from lecture8.scale.command import main

# Workers that decode images import this module again where processes are spawned, not forked.
if __name__ == "__main__":
    sys.exit(main())
