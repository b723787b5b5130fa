"""Before anything is imported: Triton interprets its kernels where there is no GPU to run them.

Triton reads the variable once, when it is first imported, which other libraries do as well.
"""

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
