#!/usr/bin/env python3
"""ZITADEL's TypeScript package over Connect, unmodified: node/zitadel.mjs tells its story."""

import shutil
import subprocess
import sys

from server import ROOT, serving

with serving() as address:
    # Node looks for modules beside the file that imports them: where scripts/test installs what the story needs.
    story = shutil.copy(ROOT / "tests/clients/node/zitadel.mjs", ROOT / "target/clients/node/")
    ended = subprocess.run(["node", story, address], timeout=240)
sys.exit(ended.returncode)
