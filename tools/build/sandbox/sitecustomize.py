"""Python runs this file at its start, as this folder is on PYTHONPATH: kernels and subprocesses are guarded too."""

import no_network

no_network.install()
