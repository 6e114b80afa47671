"""The command line, `python -m lecture8`: train a network into a folder, list the networks, count one, check the machine.

Every complaint is one sentence on stderr, with exit code 2.
"""
