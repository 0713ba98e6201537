"""A server of one's own for a story: on a free port, with a data directory of its own, gone at the end."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("COUNTERSIGN", str(ROOT / "target/debug/countersign"))


@contextlib.contextmanager
def serving(*arguments):
    """Serve, and give the address; `root` is the root token unless the arguments name another."""
    # Told to end, a story must still end its server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    if "--dev-root-token-id" not in arguments:
        arguments += ("--dev-root-token-id", "root")
    with tempfile.TemporaryDirectory() as directory:
        command = [PROGRAM, "server", "--dev", "--listen", "127.0.0.1:0", "--data", directory + "/data", *arguments]
        environment = {"COUNTERSIGN_LOG": "warn", **os.environ}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
            try:
                yield address(server.stdout)
            finally:
                server.terminate()
        if server.returncode != 0:
            sys.exit(f"the server ended with {server.returncode}")


def address(lines):
    """What the server says of where it listens, once it does."""
    for line in lines:
        if line.startswith("Address:"):
            return line.split()[1]
    sys.exit("the server did not start")
