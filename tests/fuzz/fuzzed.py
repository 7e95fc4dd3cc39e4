"""What the program of driver.c runs: fuzz_one of the module that FUZZ_TARGET names, whose seeds go to FUZZ_CORPUS."""

import importlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE.parent)]

import _greencore_alias  # noqa: E402

_greencore_alias.install()

target = importlib.import_module(os.environ["FUZZ_TARGET"])
fuzz_one = target.fuzz_one

corpus = Path(os.environ["FUZZ_CORPUS"])
for number, seed in enumerate(target.seeds()):
    (corpus / f"seed-{number}").write_bytes(seed)
