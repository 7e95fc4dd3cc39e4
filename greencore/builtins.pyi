from builtins import *

__all__: list[str] = []
