from tests.rig.managed import host, manage  # noqa: F401  fixtures
