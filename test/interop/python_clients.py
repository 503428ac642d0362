"""The Python client of librdkafka, in an environment of its own under build/."""
import os
import subprocess
import sys

from lib import ROOT

PACKAGES = ["confluent-kafka"]


def environment():
    """Its python, installed when it is not there."""
    venv = os.path.join(ROOT, "build", "test", "clients", "venv")
    python = os.path.join(venv, "bin", "python")
    if not os.path.exists(os.path.join(venv, "bin", "pip")):
        os.makedirs(os.path.dirname(venv), exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    if subprocess.run([python, "-c", "import confluent_kafka"], capture_output=True, check=False).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def use_clients():
    """From here on the client can be imported; if need be by running this program again."""
    try:
        import confluent_kafka  # noqa: F401
    except ImportError:
        python = environment()
        os.execv(python, [python, *sys.argv])
