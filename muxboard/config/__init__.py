"""Configuration: a TOML file becomes frozen structs, or a list of everything that is wrong with it.

- ``schema``  the structs: unit, default and reason of every field
- ``values``  durations, sizes, rates, addresses and secrets as they are written in the file
- ``decode``  mappings into structs, all errors at once
- ``load``    finding, reading, checking; the environment's overrides
- ``weak``    settings that are valid and weak, with remedies
- ``show``    the example, the JSON Schema, the reference page, the masked effective configuration
"""

from muxboard.config.load import ConfigError, load
from muxboard.config.schema import Config, Host, Limits

__all__ = ["Config", "ConfigError", "Host", "Limits", "load"]
