"""One file for each group of measures; each has ``async def measure(workshop, report)``."""
