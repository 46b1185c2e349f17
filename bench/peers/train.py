# One training step in PyTorch's CPU build, one thread: python3 train.py FOLDER NET prints {"ms": [...], "losses": [...]}.
# FOLDER holds NET.json (input [h, w, c], kinds of layers, names and shapes of the weights, what SGD takes) and float32 files: NET.x, NET.y (class
# indices) and NET.w, all weights in order: kernels [kh, kw, in, out], dense [in, out], vectors.
import json, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
folder, name, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
about = json.load(open(f"{folder}/{name}.json"))
h, w, c = about["input"]
x = torch.from_numpy(np.fromfile(f"{folder}/{name}.x", np.float32).reshape(-1, h, w, c)).permute(0, 3, 1, 2)
x = x.contiguous(memory_format=torch.channels_last)
y = torch.from_numpy(np.fromfile(f"{folder}/{name}.y", np.float32)).long()
flat = np.fromfile(f"{folder}/{name}.w", np.float32)
weights, at = [], 0
for _, shape in about["weights"]:
    n = int(np.prod(shape))
    weights.append(torch.from_numpy(flat[at : at + n].reshape(shape).copy()))
    at += n


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        left = iter(weights)
        self.steps = []
        self.held = nn.ParameterList()
        self.buffers_held = []
        keep = lambda t: (self.held.append(nn.Parameter(t)), self.held[-1])[1]
        for kind in about["layers"]:
            if kind in ("conv", "convNoBias"):
                k = keep(next(left).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last))
                b = keep(next(left)) if kind == "conv" else None
                self.steps.append(lambda v, k=k, b=b: F.conv2d(v, k, b, padding=1))
            elif kind == "norm":
                g, b, m, s = keep(next(left)), keep(next(left)), next(left), next(left)
                self.steps.append(lambda v, g=g, b=b, m=m, s=s: F.batch_norm(v, m, s, g, b, True, 0.1, 1e-5))
            elif kind == "dense":
                k, b = keep(next(left).t().contiguous()), keep(next(left))
                self.steps.append(lambda v, k=k, b=b: F.linear(v, k, b))
            elif kind == "relu":
                self.steps.append(F.relu)
            elif kind == "pool":
                self.steps.append(lambda v: F.max_pool2d(v, 2))
            elif kind == "mean":
                self.steps.append(lambda v: v.mean((2, 3)))
            elif kind == "flatten":  # as channels last lie in memory
                self.steps.append(lambda v: v.permute(0, 2, 3, 1).flatten(1))

    def forward(self, v):
        for step in self.steps:
            v = step(v)
        return v


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=about["learningRate"], momentum=about["momentum"])
ms, losses = [], []
for _ in range(runs):
    start = time.perf_counter()
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    ms.append((time.perf_counter() - start) * 1000)
    losses.append(loss.item())
print(json.dumps({"ms": ms, "losses": losses, "torch": torch.__version__}))
