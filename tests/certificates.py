"""Keys and certificates for tests, made by the openssl command."""

import subprocess
from collections import namedtuple

Certificate = namedtuple("Certificate", "key cert")


def make_certificate(folder, name, host="localhost"):
    """A certificate that signs itself, for `host` and 127.0.0.1."""
    made = Certificate(str(folder / f"{name}.key"), str(folder / f"{name}.crt"))
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN={name}"
    command += f" -addext subjectAltName=DNS:{host},IP:127.0.0.1 -keyout {made.key} -out {made.cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return made
