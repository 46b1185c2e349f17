"""What PyTorch's layers give, and their gradients, for test/torch-layers.test.ts: writes test/fixtures/torch/layers.json.

Inputs, weights and gradients of outputs are made by `values`, which the test repeats, so that the file holds results alone. PyTorch
is channels first, so inputs are transposed on the way in and results on the way out. Computed in float64.

    python3 scripts/torch/layers.py
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
OUT = pathlib.Path(__file__).resolve().parents[2] / "test/fixtures/torch/layers.json"


def values(shape, seed, scale=0.5):
    """Between -1 and 1, exact in float32: `values` of the test."""
    size = math.prod(shape)
    data = [((((i + 1) * 16 + seed) * 0x9E3779B1 & 0xFFFFFFFF) >> 16) / 2**15 - 1 for i in range(size)]
    return (torch.tensor(data) * scale * 2).reshape(shape)


def first(x):
    """Channels first."""
    return x.movedim(-1, 1)


def last(x):
    """Channels last."""
    return x.movedim(1, -1)


def numbers(x):
    return [float(f"{v:.9g}") for v in x.detach().reshape(-1).tolist()]


CASES = []


def case(kind, config, inputs, weights, f, ties=False):
    """`f` takes the inputs and weights channels last, as the engine does, and gives the output so."""
    xs = [values(shape, i) for i, shape in enumerate(inputs)]
    if ties:
        xs = [x.clamp(min=0) for x in xs]
    ws = {name: values(shape, 8 + i, 0.25) for i, (name, shape) in enumerate(weights.items())}
    for t in [*xs, *ws.values()]:
        t.requires_grad_()
    y = f(xs, ws)
    y.backward(values(y.shape, 99))
    CASES.append(
        {
            "kind": kind,
            "config": config,
            "inputs": inputs,
            "ties": ties,
            "weights": weights,
            "shape": list(y.shape),
            "y": numbers(y),
            "dx": [numbers(x.grad) for x in xs],
            "dw": {name: numbers(w.grad) for name, w in ws.items()},
        }
    )


def standardized_conv(xs, w):
    """The filter [kh, kw, in, out], standardised for each output channel, eps within the root."""
    kernel = w["kernel"].movedim((3, 2), (0, 1))
    mean = kernel.mean(dim=(1, 2, 3), keepdim=True)
    variance = kernel.var(dim=(1, 2, 3), unbiased=False, keepdim=True)
    return last(F.conv2d(first(xs[0]), (kernel - mean) / torch.sqrt(variance + 1e-5), w["bias"], padding=1, groups=2))


def attention(heads, kdim=None, vdim=None):
    def f(xs, w):
        c = w["query"].shape[0]
        mha = torch.nn.MultiheadAttention(c, heads, kdim=kdim, vdim=vdim, batch_first=True)
        rows = [x.flatten(1, -2) for x in xs]
        q, k, v = rows if len(rows) == 3 else rows * 3
        y, _ = F.multi_head_attention_forward(
            *[t.transpose(0, 1) for t in (q, k, v)],
            c,
            heads,
            None,
            torch.cat([w["queryBias"], w["keyBias"], w["valueBias"]]),
            None,
            None,
            False,
            0.0,
            w["output"].T,
            w["outputBias"],
            use_separate_proj_weight=True,
            q_proj_weight=w["query"].T,
            k_proj_weight=w["key"].T,
            v_proj_weight=w["value"].T,
            need_weights=False,
        )
        assert mha.head_dim == c // heads
        return y.transpose(0, 1).reshape(xs[0].shape)

    return f


def squeeze_excite(xs, w):
    means = xs[0].mean(dim=(1, 2))
    squeezed = F.relu(means @ w["reduce"] + w["reduceBias"])
    return xs[0] * torch.sigmoid(squeezed @ w["expand"] + w["expandBias"])[:, None, None, :]


def locally_connected(xs, w):
    n, h, wide, c = xs[0].shape
    oh, ow, _, filters = w["kernel"].shape
    # unfold gives [n, c * taps, pixels], channels outermost.
    patches = F.unfold(first(xs[0]), (2, 3), stride=(1, 2), padding=1).reshape(n, c, 6, oh, ow)
    return torch.einsum("nctyx,yxtcf->nyxf", patches, w["kernel"].reshape(oh, ow, 6, c, filters)) + w["bias"]


def square(c, heads_dim=None):
    d = heads_dim or c
    return {
        **{"query": [c, d], "queryBias": [d], "key": [c, d], "keyBias": [d], "value": [c, d], "valueBias": [d]},
        **{"output": [d, c], "outputBias": [c]},
    }


MAP = [2, 2, 4, 6]
case("layerNorm", {}, [MAP], {"gamma": [6], "beta": [6]}, lambda x, w: F.layer_norm(x[0], [6], w["gamma"], w["beta"]))
case(
    "layerNorm",
    {"axes": [1, 2, 3], "epsilon": 1e-3},
    [MAP],
    {"gamma": MAP[1:], "beta": MAP[1:]},
    lambda x, w: F.layer_norm(x[0], MAP[1:], w["gamma"], w["beta"], 1e-3),
)


def rms_norm(x, gamma, epsilon, dims):
    """torch.nn.RMSNorm, which older releases lack."""
    return x / torch.sqrt((x * x).mean(dim=dims, keepdim=True) + epsilon) * gamma


case("rmsNorm", {}, [MAP], {"gamma": [6]}, lambda x, w: rms_norm(x[0], w["gamma"], 2**-23, (-1,)))
case(
    "rmsNorm",
    {"axes": [-2, -1], "epsilon": 0.01},
    [MAP],
    {"gamma": MAP[2:]},
    lambda x, w: rms_norm(x[0], w["gamma"], 0.01, (-2, -1)),
)
for size in ([3, 4], [1, 2], [5, 7]):
    case(
        "adaptiveAvgPool",
        {"size": size},
        [[2, 5, 6, 3]],
        {},
        lambda x, _, size=size: last(F.adaptive_avg_pool2d(first(x[0]), size)),
    )
    case(
        "adaptiveMaxPool",
        {"size": size},
        [[2, 5, 6, 3]],
        {},
        lambda x, _, size=size: last(F.adaptive_max_pool2d(first(x[0]), size)),
        ties=True,
    )
case(
    "adaptiveAvgPool",
    {"size": 4},
    [[2, 10, 3]],
    {},
    lambda x, _: last(F.adaptive_avg_pool1d(first(x[0]), 4)),
)
case(
    "adaptiveMaxPool",
    {"size": [2, 3, 1]},
    [[1, 3, 5, 2, 2]],
    {},
    lambda x, _: last(F.adaptive_max_pool3d(first(x[0]), [2, 3, 1])),
)
case(
    "conv1d",
    {"filters": 3, "kernel": 3, "dilation": 2, "padding": "causal"},
    [[2, 9, 4]],
    {"kernel": [3, 4, 3], "bias": [3]},
    lambda x, w: last(F.conv1d(F.pad(first(x[0]), (4, 0)), w["kernel"].movedim((2, 1), (0, 1)), w["bias"], dilation=2)),
)
case(
    "conv2d",
    {"filters": 4, "kernel": 3, "padding": 1, "groups": 2, "weightStandardization": True},
    [[2, 4, 5, 4]],
    {"kernel": [3, 3, 2, 4], "bias": [4]},
    standardized_conv,
)
case("multiHeadAttention", {"heads": 2}, [[2, 3, 2, 6]], square(6), attention(2))
case(
    "multiHeadAttention",
    {"heads": 3},
    [[2, 4, 6], [2, 5, 4], [2, 5, 2]],
    {**square(6), "key": [4, 6], "value": [2, 6]},
    attention(3, 4, 2),
)
case(
    "squeezeExcite",
    {"ratio": 2},
    [[2, 3, 4, 6]],
    {"reduce": [6, 3], "reduceBias": [3], "expand": [3, 6], "expandBias": [6]},
    squeeze_excite,
)
case(
    "locallyConnected2d",
    {"filters": 2, "kernel": [2, 3], "stride": [1, 2], "padding": 1},
    [[2, 3, 4, 2]],
    {"kernel": [4, 2, 12, 2], "bias": [4, 2, 2]},
    locally_connected,
)

OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(CASES, separators=(",", ":")) + "\n")
print(f"{OUT.name}: {len(CASES)} cases, {OUT.stat().st_size} bytes")
