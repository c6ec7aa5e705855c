"""Makes adadelta.txt: parameters after 1, 5 and 20 steps of torch.optim.Adadelta (double).

    python make_adadelta.py > adadelta.txt

rho and epsilon are 0.95 and 1e-6 as floats, which is what AdadeltaOptions holds. Parameter i starts at i / 10 - 0.3; its
gradient at step t = 0, 1, ... is sin(0.7 t + i) * 10^(i % 5 - 3).
"""
import math
import struct

import torch


def as_float(x):
    return struct.unpack("f", struct.pack("f", x))[0]


P = 7
parameters = torch.tensor([i / 10 - 0.3 for i in range(P)], dtype=torch.float64, requires_grad=True)
adadelta = torch.optim.Adadelta([parameters], lr=1, rho=as_float(0.95), eps=as_float(1e-6))
for t in range(20):
    parameters.grad = torch.tensor([math.sin(0.7 * t + i) * 10.0 ** (i % 5 - 3) for i in range(P)], dtype=torch.float64)
    adadelta.step()
    if t + 1 in (1, 5, 20):
        print(t + 1, *(f"{p:.17g}" for p in parameters.tolist()))
