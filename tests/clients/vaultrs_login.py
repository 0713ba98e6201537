#!/usr/bin/env python3
"""vaultrs, unmodified: vaultrs/src/main.rs tells its story."""

import os
import subprocess
import sys

from server import ROOT, serving

# It takes settings from Vault's variables too, which are not meant.
environment = {name: value for name, value in os.environ.items() if not name.startswith("VAULT_")}
with serving() as address:
    ended = subprocess.run([ROOT / "target/debug/vaultrs-story", address], env=environment, timeout=240)
sys.exit(ended.returncode)
