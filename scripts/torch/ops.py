# Writes test/fixtures/torch/ops.json, ops-second.json and ops-imported.json: eager ops and their gradients, the gradients of gradients, and
# ops that models read from files have, as PyTorch computes them in float64.
# Run: /usr/bin/python3 scripts/torch/ops.py
#
# A case has inputs, the result y, and the gradients of sum(dy * y) by the inputs of floats. One of second order has y = the gradients
# g by its first input, and the gradients of sum(v * g) by all inputs. test/ops-torch.test.ts knows by the name what to call.
import json
import math
import os

import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
CASES, SECOND = {}, {}


def rounded(t):
    """The shortest decimals that give the same float32."""
    return [float(str(v)) for v in t.detach().to(torch.float32).flatten().numpy()]


def plain(t):
    if t.dtype == torch.int64:
        return {"shape": list(t.shape), "dtype": "int32", "data": t.flatten().tolist()}
    return {"shape": list(t.shape), "data": rounded(t)}


def rand(*shape, low=-2.0, high=2.0):
    """Values of two decimals, as float32 holds them."""
    return ((torch.rand(shape) * (high - low) + low) * 100).round().div(100).float().double()


def ints(shape, *values):
    return torch.tensor(values, dtype=torch.int64).reshape(shape)


def case(name, inputs, f, to=CASES):
    leaves = [t.clone().requires_grad_(t.dtype != torch.int64) for t in inputs]
    y = f(*leaves)
    dy = rand(*y.shape)
    wanted = [t for t in leaves if t.requires_grad]
    grads = torch.autograd.grad((y * dy).sum(), wanted, allow_unused=True)
    grads = [torch.zeros_like(t) if g is None else g for g, t in zip(grads, wanted)]
    to[name] = {
        "inputs": [plain(t) for t in inputs],
        "y": plain(y),
        "dy": plain(dy),
        "gradients": [rounded(g) for g in grads],
    }


def second(name, inputs, f):
    leaves = [t.clone().requires_grad_() for t in inputs]
    y = f(*leaves)
    dy = rand(*y.shape).requires_grad_()
    (g,) = torch.autograd.grad((y * dy).sum(), [leaves[0]], create_graph=True)
    v = rand(*g.shape)
    wanted = [*leaves, dy]
    grads = torch.autograd.grad((g * v).sum(), wanted, allow_unused=True)
    grads = [torch.zeros_like(t) if h is None else h for h, t in zip(grads, wanted)]
    SECOND[name] = {
        "inputs": [plain(t) for t in inputs],
        "y": plain(g),
        "dy": plain(dy),
        "v": rounded(v),
        "gradients": [rounded(h) for h in grads],
    }


# Functions of each value.
UNARY = {
    "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1, "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
    "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh, "asinh": torch.asinh, "erf": torch.erf, "abs": torch.abs,
    "neg": torch.neg, "square": torch.square, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil,
    "round": torch.round, "trunc": torch.trunc,
}
POSITIVE = {
    "log": torch.log, "log2": torch.log2, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal,
    "log1p": torch.log1p,
}
INSIDE = {"asin": torch.asin, "acos": torch.acos, "atanh": torch.atanh}
for name, f in UNARY.items():
    case(name, [rand(5, low=-1.4, high=1.4)], f)
for name, f in POSITIVE.items():
    case(name, [rand(5, low=0.1, high=3.0)], f)
for name, f in INSIDE.items():
    case(name, [rand(5, low=-0.9, high=0.9)], f)
case("acosh", [rand(5, low=1.2, high=3.0)], torch.acosh)
case("clip", [torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.25, 1.5, 2.0])], lambda x: x.clamp(-1, 1.5))
case("clip min", [torch.tensor([-1.0, 0.0, 0.25])], lambda x: x.clamp(min=0))

# Of two values, which broadcast.
case("add", [rand(2, 1, 3), rand(4, 1)], torch.add)
case("div", [rand(2, 3), rand(3, low=0.5)], torch.div)
case("pow", [rand(2, 4, low=0.2), rand(4)], torch.pow)
case("pow at 0", [torch.tensor([0.0, 0.0, 0.0, 2.0]), torch.tensor([2.0, 0.0, 1.0, 0.0])], torch.pow)
case("pow 3", [rand(4)], lambda x: x**3)
case("mod", [rand(2, 4, low=-5, high=5), rand(4, low=0.7, high=3)], torch.remainder)
case("mod of both signs", [torch.tensor([5.5, -5.5, 5.5, -5.5]), torch.tensor([3.0, 3.0, -3.0, -3.0])], torch.remainder)
case("floorDiv", [rand(2, 3, low=-5, high=5), rand(3, low=0.7)], lambda a, b: torch.div(a, b, rounding_mode="floor"))
case("squaredDifference", [rand(2, 3), rand(2, 1)], lambda a, b: (a - b) ** 2)
case("atan2", [rand(3, 1), rand(4)], torch.atan2)
case("where", [ints([2, 1, 3], 0, 1, 0, 5, -1, 0), rand(4, 1), rand(3)], lambda c, a, b: torch.where(c != 0, a, b))
case("max", [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 5.0, 2.0])], torch.maximum)
case("numbers", [rand(3)], lambda x: 2 * x - (1 - x) / 4 + torch.where(x > 0, x, torch.tensor(0.5)))

# Matrix products.
case("matmul", [rand(3, 4), rand(4, 2)], torch.matmul)
case("matmul batched", [rand(2, 3, 4), rand(4, 2)], torch.matmul)
case("matmul broadcast", [rand(2, 1, 3, 2), rand(3, 2, 4)], torch.matmul)
case("matmul shared a", [rand(3, 2), rand(2, 2, 4)], torch.matmul)
case("matmul transposed", [rand(2, 4, 3), rand(2, 2, 4)], lambda a, b: a.mT @ b.mT)
case("matmul transposed a", [rand(4, 3), rand(2, 4, 2)], lambda a, b: a.mT @ b)
case("matmul transposed b", [rand(2, 3, 4), rand(2, 4)], lambda a, b: a @ b.mT)
case("matmul row", [rand(4), rand(2, 4, 3)], torch.matmul)
case("matmul column", [rand(2, 3, 4), rand(4)], torch.matmul)
case("matmul dot", [rand(4), rand(4)], torch.matmul)

# Reductions.
case("sum", [rand(2, 3, 4)], lambda x: x.sum((0, 2)))
case("sum of all", [rand(2, 3)], lambda x: x.sum())
case("mean", [rand(2, 3, 4)], lambda x: x.mean((1,), keepdim=True))
case("prod", [rand(2, 3, 2)], lambda x: x.prod(1))
case("prod of zeros", [torch.tensor([[1.0, 0.0, 3.0], [0.0, 2.0, 0.0], [2.0, 3.0, 4.0]])], lambda x: x.prod(1, keepdim=True))
case("prod of two axes", [rand(2, 3, 2)], lambda x: x.prod(2).prod(0))
case("amax", [torch.tensor([[1.0, 4.0, 4.0], [2.0, 0.0, -1.0]])], lambda x: x.amax(1))
case("amin", [rand(2, 3, 2)], lambda x: x.amin((0, 2), keepdim=True))
case("logSumExp", [rand(2, 3, 4, low=-5, high=5)], lambda x: torch.logsumexp(x, (0, 2)))
case("norm", [rand(2, 3, 4)], lambda x: torch.linalg.vector_norm(x, dim=(1, 2)))
case("norm of 0", [torch.tensor([[0.0, 0.0], [3.0, 4.0]])], lambda x: torch.linalg.vector_norm(x, dim=1))
case("cumsum", [rand(2, 4, 2)], lambda x: x.cumsum(1))
case("cumsum exclusive reverse", [rand(2, 4)], lambda x: x.flip(1).cumsum(1).flip(1) - x)
case("topK", [rand(2, 6)], lambda x: x.topk(3).values)
case("topK smallest", [rand(4, 3)], lambda x: x.topk(2, dim=0, largest=False).values)

# Indices.
case("gather", [rand(4, 3), ints([2, 2], 1, 3, 1, 0)], lambda x, i: x[i])
case("gather axis 1", [rand(2, 4, 3), ints([3], 3, 0, 3)], lambda x, i: x.index_select(1, i))
case("gather batchDims", [rand(2, 4, 3), ints([2, 2], 1, 3, 2, 2)], lambda x, i: torch.stack([x[k][i[k]] for k in range(2)]))
case("gatherElements", [rand(3, 4), ints([2, 4], 0, 2, 1, 0, 2, 2, 0, 0)], lambda x, i: x.gather(0, i))
case("gatherND", [rand(3, 4, 2), ints([3, 2], 0, 1, 2, 3, 0, 1)], lambda x, i: x[i[:, 0], i[:, 1]])
case("scatterND add", [rand(4, 2), ints([3, 1], 1, 3, 1), rand(3, 2)], lambda x, i, u: x.index_add(0, i[:, 0], u))
case("scatterElements", [rand(3, 3), ints([1, 3], 2, 0, 1), rand(1, 3)], lambda x, i, u: x.scatter(0, i, u))
case("scatterElements add", [rand(3, 2), ints([2, 2], 0, 1, 0, 2), rand(2, 2)], lambda x, i, u: x.scatter_add(0, i, u))

# Values that move.
case("stack", [rand(2, 3), rand(2, 3)], lambda a, b: torch.stack([a, b], 1))
case("unstack", [rand(2, 3)], lambda x: x.unbind(1)[0] * x.unbind(1)[2])
case("tile", [rand(2, 3)], lambda x: x.repeat(3, 2))
case("reverse", [rand(2, 3, 2)], lambda x: x.flip((0, 2)))
case("broadcastTo", [rand(3, 1)], lambda x: x.expand(2, 3, 4))
case("squeeze", [rand(1, 3, 1)], lambda x: x.squeeze())
case("expandDims", [rand(2, 3)], lambda x: x.unsqueeze(-1))
case("stridedSlice", [rand(3, 8, 5)], lambda x: x[1:, 1:8:3].flip(1)[:, :, 1::2][:, :, :2])
case("pad any axis", [rand(2, 3)], lambda x: F.pad(x, (1, 0, 2, 1), value=-math.inf).clamp(min=-9))
case("pad reflect", [rand(1, 4, 5, 2)], lambda x: F.pad(x.permute(0, 3, 1, 2), (3, 1, 2, 0), mode="reflect").permute(0, 2, 3, 1))
case("pad wrap", [rand(4, 3)], lambda x: F.pad(x[None], (2, 1), mode="circular")[0])
case("pad symmetric", [rand(2, 3)], lambda x: torch.cat([x[:, :2].flip(1), x, x[:, 2:]], 1))
case("pad replicate", [rand(2, 3)], lambda x: F.pad(x[None], (1, 2), mode="replicate")[0])


def pooled(x, size, stride, padding=0):
    y = F.max_pool2d(x.permute(0, 3, 1, 2), size, stride, padding)
    return y.permute(0, 2, 3, 1)


def unpooled(x):
    y, i = F.max_pool2d(x.permute(0, 3, 1, 2), 2, return_indices=True)
    return F.max_unpool2d(y * y, i, 2, output_size=x.shape[1:3]).permute(0, 2, 3, 1)


case("maxPoolWithIndices", [rand(2, 5, 4, 2)], lambda x: pooled(x, 3, 2, 1))
case("maxUnpool", [rand(2, 5, 4, 2)], unpooled)


# Second order. Images and filters are channels last here, as in the project.
def conv(x, w, **options):
    dims = x.dim() - 2
    last = [0, dims + 1, *range(1, dims + 1)]
    back = [0, *range(2, dims + 2), 1]
    filters = w.permute(dims + 1, dims, *range(dims))
    return [F.conv1d, F.conv2d, F.conv3d][dims - 1](x.permute(last), filters, **options).permute(back)


second("matmul", [rand(2, 3, 4), rand(4, 2)], lambda a, b: torch.matmul(a, b) ** 2)
second("dense", [rand(3, 4), rand(4, 2), rand(2)], lambda x, w, b: (x @ w + b) ** 2)
second("arithmetic", [rand(3), rand(2, 3, low=0.5), rand(2, 1, low=0.5)], lambda a, b, c: (a * b - a) / (a + c + 3) + b)
second("relu", [rand(2, 5)], lambda x: F.relu(x) ** 2)
second("leakyRelu", [rand(2, 5), rand(5)], lambda x, w: F.leaky_relu(x * w, 0.2) ** 2)
second("sigmoid", [rand(5)], torch.sigmoid)
second("tanh", [rand(5)], torch.tanh)
second("softplus", [rand(5)], F.softplus)
second("elu", [rand(6, low=0.5) * torch.tensor([1.0, -1, 1, -1, 1, -1])], lambda x: F.elu(x, 0.7))
second("selu", [rand(6, low=0.5) * torch.tensor([1.0, -1, 1, -1, 1, -1])], F.selu)
second("softsign", [rand(5)], F.softsign)
second("silu", [rand(5)], F.silu)
second("gelu", [rand(5)], F.gelu)
second("geluTanh", [rand(5)], lambda x: F.gelu(x, approximate="tanh"))
second("mish", [rand(5)], F.mish)
second("hardSwish", [rand(6, low=-4, high=4)], F.hardswish)
second("softmax", [rand(2, 4)], lambda x: F.softmax(x, -1))
second("logSoftmax", [rand(2, 4)], lambda x: F.log_softmax(x, -1))
second("sqrt", [rand(2, 3, low=0.3)], lambda x: x.sqrt().mean(0))
second("norm", [rand(2, 4)], lambda x: torch.linalg.vector_norm(x, dim=1))
second("exp log", [rand(4, low=0.3)], lambda x: torch.log(x) * torch.exp(x))
second("pow", [rand(4, low=0.3), rand(4)], torch.pow)
second("amax", [rand(2, 4)], lambda x: x.amax(1) ** 2)
second("conv1d", [rand(2, 7, 2), rand(3, 2, 3)], lambda x, w: conv(x, w, stride=2, padding=1) ** 2)
second("conv2d", [rand(1, 5, 6, 2), rand(3, 2, 2, 3)], lambda x, w: conv(x, w, stride=(2, 1), padding=(1, 0)) ** 2)
second("conv2d groups", [rand(1, 4, 4, 4), rand(2, 2, 2, 2)], lambda x, w: conv(x, w, groups=2, dilation=(1, 2)) ** 2)
second("conv3d", [rand(1, 3, 3, 3, 1), rand(2, 2, 2, 1, 2)], lambda x, w: conv(x, w) ** 2)
second("meanSquaredError", [rand(2, 3), rand(2, 3)], F.mse_loss)
second("meanAbsoluteError", [rand(2, 3), rand(2, 3)], F.l1_loss)
second("huber", [rand(2, 4), rand(2, 4)], lambda x, t: F.huber_loss(x, t, delta=1.25))
second("binaryCrossEntropy", [rand(2, 3), rand(2, 3, low=0, high=1)], F.binary_cross_entropy_with_logits)
second("softmaxCrossEntropy", [rand(3, 4), rand(3, 4, low=0, high=1)], lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1))
second("maxPool", [rand(1, 5, 4, 2)], lambda x: pooled(x, 3, 2) ** 2)
second("maxPool pairs", [rand(1, 4, 4, 2)], lambda x: pooled(x, 2, 2) ** 2)
second("avgPool", [rand(1, 4, 4, 2)], lambda x: F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1) ** 2)
second("groupNorm", [rand(2, 3, 2, 4), rand(4), rand(4)], lambda x, w, b: F.group_norm(x.permute(0, 3, 1, 2), 2, w, b).permute(0, 2, 3, 1))
second("instanceNorm", [rand(2, 3, 2, 3), rand(3), rand(3)], lambda x, w, b: F.instance_norm(x.permute(0, 3, 1, 2), weight=w, bias=b).permute(0, 2, 3, 1))
second("batchNorm", [rand(3, 2, 2, 3), rand(3), rand(3)], lambda x, w, b: F.batch_norm(x.permute(0, 3, 1, 2), None, None, w, b, training=True).permute(0, 2, 3, 1))
second("layerNorm", [rand(3, 4), rand(4), rand(4)], lambda x, w, b: F.layer_norm(x, [4], w, b))
case("layerNorm of two axes", [rand(2, 3, 4), rand(3, 4), rand(3, 4)], lambda x, w, b: F.layer_norm(x, [3, 4], w, b), SECOND)


def penalty(x, w1, b1, w2, w3):
    """The gradient penalty of "Improved Training of Wasserstein GANs" for a small convolutional critic."""
    h = F.leaky_relu(conv(x, w1, stride=2, padding=1) + b1, 0.2)
    h = F.leaky_relu(conv(h, w2, stride=2, padding=1), 0.2)
    score = h.flatten(1) @ w3
    (g,) = torch.autograd.grad(score.sum(), [x], create_graph=True)
    return ((g.flatten(1).norm(dim=1) - 1) ** 2).mean()


case(
    "wgan penalty",
    [rand(2, 6, 6, 1), rand(3, 3, 1, 4, low=-0.5, high=0.5), rand(4), rand(3, 3, 4, 3, low=-0.5, high=0.5), rand(12, 1, low=-0.5, high=0.5)],
    penalty,
    SECOND,
)
case("stopGradient", [rand(2, 5)], lambda x: (x + (x.round() - x).detach()) * x.detach())

zeros = torch.tensor([[1.0, 0.0, 3.0], [0.0, 2.0, 0.0], [2.0, 3.0, 4.0]])
second("prod", [rand(2, 5)], lambda x: x.prod(1) ** 2)
second("prod of zeros", [zeros], lambda x: x.prod(1, keepdim=True))
second("prod of two axes", [rand(2, 3, 2)], lambda x: x.prod(2).prod(0))


def anywhere(*shape):
    """A grid without places on pixels, where the slope is another on either side."""
    return (rand(*shape, 2, low=-1.4, high=1.4) + 0.003).float().double()


def sampled(padding, corners):
    return lambda x, grid: F.grid_sample(x.permute(0, 3, 1, 2), grid, "bilinear", padding, corners).permute(0, 2, 3, 1)


case("gridSample", [rand(1, 3, 4, 2), anywhere(1, 2, 3)], sampled("zeros", False))
case("gridSample border", [rand(2, 3, 4, 1), anywhere(2, 3, 1)], sampled("border", True))


def exclusive(x):
    return torch.cat([torch.ones_like(x[:, :1]), x[:, :-1].cumprod(1)], 1)


IMPORTED = {}
for padding in ("zeros", "border"):
    for corners in (False, True):
        name = f"gridSample {padding} {'corners' if corners else 'edges'}"
        case(name, [rand(2, 4, 5, 3), anywhere(2, 3, 3)], sampled(padding, corners), IMPORTED)
        # The image itself, and its mirror image: samples lie on pixels, and on the outermost.
        size = torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[-1, 0, 0], [0, 1, 0]]])
        grid = F.affine_grid(size, [2, 1, 3, 4], align_corners=corners).float().double()
        case(f"{name} of pixels", [rand(2, 3, 4, 2), grid], sampled(padding, corners), IMPORTED)
    case(f"gridSample {padding} of one pixel", [rand(1, 1, 1, 2), anywhere(1, 1, 4)], sampled(padding, True), IMPORTED)


def cropped(height, width, extrapolation):
    """TensorFlow's CropAndResize by grid_sample: boxes y1, x1, y2, x2 as shares of the outer pixels' distance."""

    def positions(a, b, outs, size):
        shares = torch.arange(outs) / (outs - 1) if outs > 1 else torch.tensor([0.5])
        return (a[:, None] + (b - a)[:, None] * shares) * (size - 1)

    def f(x, boxes, index):
        n, h, w, _ = x.shape
        y = positions(boxes[:, 0], boxes[:, 2], height, h)[:, :, None].expand(-1, -1, width)
        at = positions(boxes[:, 1], boxes[:, 3], width, w)[:, None, :].expand(-1, height, -1)
        there = (y >= 0) & (y <= h - 1) & (at >= 0) & (at <= w - 1) & ((index >= 0) & (index < n))[:, None, None]
        grid = torch.stack([2 * at / (w - 1) - 1, 2 * y / (h - 1) - 1], -1)
        taken = F.grid_sample(x[index.clamp(0, n - 1)].permute(0, 3, 1, 2), grid, "bilinear", "border", True)
        return torch.where(there[..., None], taken.permute(0, 2, 3, 1), torch.tensor(extrapolation))

    return f


boxes = (torch.tensor([[0.1, 0.2, 0.7, 0.9], [0.9, -0.3, 0.2, 0.6], [-0.2, 0.1, 1.3, 0.8], [0.1, 0.1, 0.9, 0.9]]) + 0.003).float().double()
case("cropAndResize", [rand(2, 5, 4, 3), boxes, ints([4], 1, 0, 1, 2)], cropped(3, 4, 0.5), IMPORTED)
case("cropAndResize of one pixel", [rand(2, 5, 4, 3), boxes, ints([4], 1, 0, -1, 1)], cropped(1, 1, 0.5), IMPORTED)
for name, x in (("", rand(2, 6)), (" of zeros", torch.tensor([[2.0, 0, 3, 0, 4, 5], [0, 0, 1, 2, 3, 4]])), (" of one", rand(2, 1))):
    case(f"cumprod{name}", [x], lambda x: x.cumprod(1), IMPORTED)
    case(f"cumprod exclusive{name}", [x], exclusive, IMPORTED)
    case(f"cumprod reverse{name}", [x], lambda x: x.flip(1).cumprod(1).flip(1), IMPORTED)
    case(f"cumprod exclusive reverse{name}", [x], lambda x: exclusive(x.flip(1)).flip(1), IMPORTED)

case("variance", [rand(2, 3, 4)], lambda x: x.var((0, 2)))
case("variance of all", [rand(2, 3)], lambda x: x.var(correction=0, dim=(0, 1)))
case("std", [rand(2, 3, 4)], lambda x: x.std(1, keepdim=True))

folder = os.path.join(os.path.dirname(__file__), "../../test/fixtures/torch")
os.makedirs(folder, exist_ok=True)
for file, cases in (("ops", CASES), ("ops-second", SECOND), ("ops-imported", IMPORTED)):
    rows = [f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in cases.items()]
    with open(os.path.join(folder, f"{file}.json"), "w") as out:
        out.write("{\n" + ",\n".join(rows) + "\n}\n")
