"""What is written down: ``audit`` lines, ``metrics``, the service ``log``."""
