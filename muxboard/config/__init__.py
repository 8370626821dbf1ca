"""Configuration: a TOML file becomes frozen structs, or a list of everything that is wrong with it.

- ``schema``       the structs: unit, default and reason of every field; ``fields``  what its files share
- ``schema_auth``  those of ``[auth]``; ``auth``  what no single field there can say
- ``values``       durations, sizes, rates, addresses and secrets as they are written in the file
- ``address``      where ssh goes: names, logins, jumps
- ``decode``       mappings into structs, all errors at once
- ``load``         finding, reading, checking; the environment's overrides
- ``secrets``      what ``…_env`` and ``…_file`` name
- ``weak``         settings that are valid and weak, with remedies (``weakness``)
- ``weak_auth``    those of ``[auth]``
- ``show``         the example, the JSON Schema, the reference page, the masked effective configuration
"""

from muxboard.config.load import ConfigError, load
from muxboard.config.schema import Config, Host, Limits

__all__ = ["Config", "ConfigError", "Host", "Limits", "load"]
