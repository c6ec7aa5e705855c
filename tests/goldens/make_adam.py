"""Makes adam.txt: parameters after 1, 5 and 20 steps of torch.optim.Adam (double, default betas and epsilon).

    python make_adam.py > adam.txt

Parameter i starts at i / 10 - 0.3; its gradient at step t = 0, 1, ... is sin(0.7 t + i) * 10^(i % 5 - 3).
"""
import math

import torch

P, RATE = 7, 1e-3
parameters = torch.tensor([i / 10 - 0.3 for i in range(P)], dtype=torch.float64, requires_grad=True)
adam = torch.optim.Adam([parameters], lr=RATE)
for t in range(20):
    parameters.grad = torch.tensor([math.sin(0.7 * t + i) * 10.0 ** (i % 5 - 3) for i in range(P)], dtype=torch.float64)
    adam.step()
    if t + 1 in (1, 5, 20):
        print(t + 1, *(f"{p:.17g}" for p in parameters.tolist()))
