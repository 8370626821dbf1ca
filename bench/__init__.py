"""
The benchmark: figures that the docs quote, measured beside peers in the same run.

Words used here: a **target** is what carries a terminal (the bare PTY, stock terminado, muxboard); a **line**
is one terminal of a target as its client sees it; a **pace** is how fast that client reads and parses; a
**program** is what runs in the terminal; a **group** is a set of measures that can be run alone
(`python -m bench echo`).
"""
