import platform
import sys
from importlib.metadata import version

import numpy as np

from scgarage.report import versions


def test_versions_are_those_installed():
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()
    assert found["scgarage"] == version("scgarage")


def test_a_package_that_is_absent_is_called_so(monkeypatch):
    # The package exports a function of the module's name, which hides the module.
    module = sys.modules["scgarage.report.words"]
    monkeypatch.setattr(module, "PACKAGES", ("no-such-distribution",))
    assert versions()["no-such-distribution"] == "not installed"
