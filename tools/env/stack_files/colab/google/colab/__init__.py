"""Stands in for Colab's own package: what the course asks of it is whether it is there."""
