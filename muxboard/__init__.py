"""muxboard: a web board over tmux."""
