#!/usr/bin/env python3
"""node-vault, unmodified: node/login.js tells its story."""

import os
import subprocess
import sys

from server import ROOT, serving

with serving() as address:
    # Beside the virtual environment's programs, where scripts/test installs what the story needs.
    environment = {**os.environ, "NODE_PATH": str(ROOT / "target/clients/node/node_modules")}
    story = ROOT / "tests/clients/node/login.js"
    ended = subprocess.run(["node", story, address], env=environment, timeout=240)
sys.exit(ended.returncode)
