"""schemathesis against a gateway: requests made out of the document that it serves, with and without faults, held to it.

The seed is fixed, and how many requests are made. schemathesis.toml says which answers of valid requests are
expected besides 200.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def fuzz(stack):
    """Whether it found nothing."""
    key, line = stack.api_key("fuzz")
    gateway = stack.gateway(keys=[line])
    stack.await_ready()
    command = [
        Path(sys.executable).with_name("st"),
        "--config-file",
        HERE / "schemathesis.toml",
        "--no-color",
        "run",
        f"http://127.0.0.1:{gateway.port}/openapi.json",
        "--checks",
        "all",
        "--warnings",
        "off",
    ]
    environment = {**os.environ, "TILLGATE_FUZZ_KEY": key, "PYTHONPATH": str(HERE)}
    return subprocess.run(command, env=environment, cwd=stack.folder, check=False).returncode == 0
