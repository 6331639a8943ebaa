"""``python -m scgarage``."""

import sys

from scgarage.cli import main

sys.exit(main())
