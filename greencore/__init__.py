"""Greenlets and a green network library: the interface of gevent, made again in C."""

__version__ = "26.11.0"
