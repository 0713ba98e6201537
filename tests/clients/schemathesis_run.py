#!/usr/bin/env python3
"""schemathesis, which we did not write, tries out everything that the served OpenAPI document says, with what it makes up: no request may end
in a failure of the server, or in a status that is not documented. Bounded in time, and the same at each run."""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

from server import serving

PROGRAM = pathlib.Path(sys.prefix).resolve().parent / "schemathesis/bin/schemathesis"
SECONDS = 60
# What would end the run for all that follows: sealing, and ending the very token that asks.
LEFT_OUT = r"^/(sys/(seal|unseal)|auth/token/revoke.*)$"


def main():
    with serving() as address:
        for kind in ("userpass", "approle"):
            ask(address, f"sys/auth/{kind}", {"type": kind})
        command = [
            str(PROGRAM), "run", f"{address}/v1/sys/internal/specs/openapi", "--url", f"{address}/v1",
            "--header", "X-Vault-Token: root", "--checks", "not_a_server_error,status_code_conformance",
            "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1",
            "--max-time", str(SECONDS), "--exclude-path-regex", LEFT_OUT, "--warnings", "off",
        ]
        # It leaves notes where it runs.
        with tempfile.TemporaryDirectory() as directory:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=5 * SECONDS, cwd=directory)
        # A run that had lost its token would have seen nothing but refusals.
        ask(address, "auth/token/lookup", {})
    print(ended.stdout[-4000:] if ended.returncode else ended.stdout.partition("SUMMARY")[2])
    return ended.returncode


def ask(address, path, body):
    request = urllib.request.Request(f"{address}/v1/{path}", json.dumps(body).encode(), {"X-Vault-Token": "root"})
    urllib.request.urlopen(request).close()


if __name__ == "__main__":
    sys.exit(main())
