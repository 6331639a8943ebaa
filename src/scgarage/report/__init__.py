"""Reports: the verdict, the numbers and the figures of an evaluation in one HTML file.

The package can be called: ``scgarage.report(result, path)`` is ``scgarage.report.write_report(result, path)``.
"""

import sys
from inspect import signature
from types import ModuleType
from typing import Any

from scgarage import _moved
from scgarage.report.extras import Given
from scgarage.report.html import write_report
from scgarage.report.subject import Judged
from scgarage.report.words import versions

__all__ = ["Given", "Judged", "versions", "write_report"]


def __getattr__(name: str) -> Any:
    return _moved.renamed("report", name)


class _Callable(ModuleType):
    # ``sg.report`` is this package as soon as anything has imported it, so the package must be the function, too.
    __call__ = staticmethod(write_report)


__signature__ = signature(write_report)  # else inspect takes the first argument for ``self``
sys.modules[__name__].__class__ = _Callable
