"""Training at any size, from digits to ImageNet on many GPUs: `python -m lecture8 train`, alone or under `torchrun`."""
