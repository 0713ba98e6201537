#!/usr/bin/env python3
"""ZITADEL's TypeScript package over Connect, unmodified: node/zitadel.js tells its story."""

import os
import subprocess
import sys

from server import ROOT, serving

with serving() as address:
    # Beside the virtual environment's programs, where scripts/test installs what the story needs.
    modules = ROOT / "target/clients/node/node_modules"
    environment = {**os.environ, "NODE_PATH": str(modules)}
    story = ROOT / "tests/clients/node/zitadel.js"
    ended = subprocess.run(["node", story, address], env=environment, timeout=240)
sys.exit(ended.returncode)
