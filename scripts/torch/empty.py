# Writes test/fixtures/torch/empty.json: ops on tensors of size zero and their gradients, as PyTorch computes them in float64.
# Run: /usr/bin/python3 scripts/torch/empty.py
#
# A case has inputs, the result y or null where PyTorch refuses the call, and the gradients of sum(y) by the inputs of floats.
# test/empty.test.ts knows by the name what to call. What is not finite is a string.
import json
import math
import os

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
CASES = {}


def numbers(t):
    return [float(str(v)) if math.isfinite(v) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(v)]
            for v in t.detach().to(torch.float32).flatten().tolist()]


def plain(t):
    if t.dtype in (torch.int64, torch.bool):
        return {"shape": list(t.shape), "dtype": "int32", "data": t.flatten().to(torch.int64).tolist()}
    return {"shape": list(t.shape), "data": numbers(t)}


def f32(*shape):
    """Small whole numbers, which differ."""
    count = math.prod(shape)
    return (torch.arange(count, dtype=torch.float64) % 7 - 2.5).reshape(shape)


def i32(*shape):
    return torch.zeros(shape, dtype=torch.int64)


def case(name, inputs, f):
    leaves = [t.clone().requires_grad_(t.dtype != torch.int64) for t in inputs]
    row = {"inputs": [plain(t) for t in inputs], "y": None}
    CASES[name] = row
    try:
        y = f(*leaves)
    except (RuntimeError, IndexError, ValueError):
        return
    row["y"] = plain(y)
    if not y.requires_grad:
        return
    wanted = [t for t in leaves if t.requires_grad]
    grads = torch.autograd.grad(y.sum(), wanted, allow_unused=True)
    row["gradients"] = [numbers(torch.zeros_like(t) if g is None else g) for g, t in zip(grads, wanted)]


def last(f):
    """A function of channels first, on channels last."""
    def g(x, *rest):
        y = f(x.movedim(-1, 1), *rest)
        return y.movedim(1, -1)
    return g


# Value by value, and broadcast.
case("exp", [f32(0, 3)], torch.exp)
case("add", [f32(0, 3), f32(3)], torch.add)
case("add to a row", [f32(1), f32(0)], torch.add)
case("mul", [f32(2, 1, 3), f32(0, 1)], torch.mul)
case("add of other sizes", [f32(2), f32(0)], torch.add)
case("less", [f32(0), f32(0)], torch.lt)
case("where", [i32(2, 0), f32(1), f32(2, 1)], lambda c, a, b: torch.where(c != 0, a, b))
case("softmax of rows of none", [f32(2, 0)], lambda x: F.softmax(x, -1))
case("softmax of no rows", [f32(0, 3)], lambda x: F.softmax(x, -1))

# Reductions.
for name, f in {"sum": torch.sum, "mean": torch.mean, "prod": torch.prod, "amax": torch.amax, "amin": torch.amin,
                "argMax": torch.argmax, "logSumExp": torch.logsumexp, "norm": lambda x, dim: x.norm(dim=dim)}.items():
    case(f"{name} over an empty axis", [f32(2, 0)], lambda x: f(x, dim=1))
    case(f"{name} over another axis", [f32(2, 0)], lambda x: f(x, dim=0))
case("any over an empty axis", [i32(2, 0)], lambda x: (x != 0).any(1))
case("all over an empty axis", [i32(2, 0)], lambda x: (x != 0).all(1))
case("sum of all", [f32(0)], torch.sum)
case("mean of all", [f32(3, 0)], torch.mean)
case("cumsum", [f32(0, 2)], lambda x: x.cumsum(0))

# Products.
case("matmul of no rows", [f32(0, 3), f32(3, 2)], torch.matmul)
case("matmul of no columns", [f32(2, 3), f32(3, 0)], torch.matmul)
case("matmul over nothing", [f32(2, 0), f32(0, 3)], torch.matmul)
case("matmul of no batch", [f32(0, 2, 3), f32(3, 4)], torch.matmul)
case("dot of nothing", [f32(0), f32(0)], torch.matmul)
case("dense of no rows", [f32(0, 3), f32(3, 2), f32(2)], lambda x, w, b: x @ w + b)
case("dense over nothing", [f32(4, 0), f32(0, 2), f32(2)], lambda x, w, b: x @ w + b)
case("conv2d", [f32(0, 5, 4, 3), f32(3, 3, 3, 2)], last(lambda x, w: F.conv2d(x.contiguous(), w.permute(3, 2, 0, 1).contiguous())))
case("conv2d too small", [f32(1, 0, 4, 3), f32(3, 3, 3, 2)], last(lambda x, w: F.conv2d(x.contiguous(), w.permute(3, 2, 0, 1).contiguous())))

# Layers of no images.
case("maxPool2d", [f32(0, 4, 4, 2)], last(lambda x: F.max_pool2d(x, 2)))
case("avgPool2d", [f32(0, 5, 5, 2)], last(lambda x: F.avg_pool2d(x, 3)))
case("globalAvgPool", [f32(0, 5, 5, 2)], lambda x: x.mean((1, 2)))
case("upsample", [f32(0, 2, 2, 1)], last(lambda x: F.interpolate(x, scale_factor=2)))
case("batchNorm", [f32(0, 2, 2, 3), f32(3), f32(3)], last(lambda x, w, b: F.batch_norm(x, torch.zeros(3), torch.ones(3), w, b)))
case("layerNorm", [f32(0, 3), f32(3), f32(3)], lambda x, w, b: F.layer_norm(x, [3], w, b))

# What moves values.
case("reshape", [f32(0, 6)], lambda x: x.reshape(0, 2, 3))
case("reshape to other zeros", [f32(3, 0)], lambda x: x.reshape(0, 5))
case("reshape to something", [f32(3, 0)], lambda x: x.reshape(1))
case("flatten", [f32(0, 2, 3)], lambda x: x.flatten(1))
case("squeeze", [f32(1, 0, 1)], torch.squeeze)
case("expandDims", [f32(2, 0)], lambda x: x.unsqueeze(0))
case("transpose", [f32(0, 2, 3)], lambda x: x.permute(2, 0, 1))
case("concat", [f32(2, 3), f32(0, 3), f32(1, 3)], lambda *xs: torch.cat(xs, 0))
case("concat of nothing", [f32(0, 3), f32(0, 3)], lambda *xs: torch.cat(xs, 0))
case("concat of other sizes", [f32(2, 3), f32(0, 4)], lambda *xs: torch.cat(xs, 0))
case("stack", [f32(0, 3), f32(0, 3)], lambda *xs: torch.stack(xs, 0))
case("slice to nothing", [f32(4, 3)], lambda x: x[2:2])
case("slice of the rest", [f32(4, 3)], lambda x: x[4:])
case("split", [f32(3, 2)], lambda x: x.split([0, 2, 1])[1])
case("split to nothing", [f32(3, 2)], lambda x: x.split([0, 2, 1])[0])
case("pad", [f32(0, 2)], lambda x: F.pad(x, (1, 0, 2, 1), value=7.5))
case("pad of none", [f32(0, 2)], lambda x: F.pad(x, (1, 1)))
case("tile", [f32(2, 0)], lambda x: x.tile(3, 2))
case("tile to nothing", [f32(2, 3)], lambda x: x.repeat(0, 2))
case("broadcastTo", [f32(1, 3)], lambda x: x.broadcast_to(2, 0, 3))
case("reverse", [f32(0, 2)], lambda x: x.flip(0))
case("gather without indices", [f32(4, 3), i32(0)], lambda x, i: x[i])
case("gather of nothing", [f32(0, 3), i32(2)], lambda x, i: x.index_select(0, i))
case("gatherElements", [f32(4, 3), i32(0, 3)], lambda x, i: x.gather(0, i))
case("scatterElements", [f32(4, 3), i32(0, 3), f32(0, 3)], lambda x, i, u: x.scatter_add(0, i, u))
case("oneHot", [i32(0, 2)], lambda i: F.one_hot(i, 3))

# Losses: means of nothing.
case("meanSquaredError", [f32(0, 3), f32(0, 3)], F.mse_loss)
case("softmaxCrossEntropy", [f32(0, 3), i32(0)], F.cross_entropy)

folder = os.path.join(os.path.dirname(__file__), "../../test/fixtures/torch")
rows = [f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in CASES.items()]
with open(os.path.join(folder, "empty.json"), "w") as out:
    out.write("{\n" + ",\n".join(rows) + "\n}\n")
