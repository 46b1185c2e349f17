"""Writes test/fixtures/torch/loss.json: losses and metrics as PyTorch and NumPy compute them, with gradients by the scores.

Run from the repository's root: python3 scripts/torch/loss.py. Scores and targets are stored channels last.
"""
import json
import math
import os
import random

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(14)
random.seed(14)
np.random.seed(14)


def rounded(tensor):
    return [float(f"{v:.9g}") for v in np.asarray(tensor, dtype=np.float64).reshape(-1)]


def last(tensor):
    """Channels first to channels last."""
    return tensor if tensor.dim() < 3 else tensor.movedim(1, -1)


cases = []
# Scores and targets, each once: cases name them by index.
tensors = []


def index_of(values):
    if values not in tensors:
        tensors.append(values)
    return tensors.index(values)


def case(name, kind, scores, target, f, **options):
    """`f` of scores and target, channels first, in double precision; the values that are given are float32."""
    x = scores.float().double().requires_grad_()
    t = target.float().double() if target.is_floating_point() else target
    value = f(x, t)
    (dx,) = torch.autograd.grad(value, x)
    integer = not target.is_floating_point()
    cases.append(
        {
            "name": name,
            "options": {"kind": kind, **options},
            "shape": list(last(x).shape),
            "scores": index_of(rounded(last(x.detach()).float())),
            "target": index_of([int(v) for v in target.reshape(-1)] if integer else rounded(last(t))),
            "integer": integer,
            "loss": rounded([value.item()])[0],
            "dx": rounded(last(dx)),
        }
    )


def classes(*shape, c):
    return torch.randint(0, c, shape)


# Cross-entropy, with a class per row and per pixel.
x, t = torch.randn(6, 5) * 2, classes(6, c=5)
px, pt = torch.randn(2, 4, 3, 3) * 2, classes(2, 3, 3, c=4)
w5, w4 = [0.5, 2.0, 1.0, 0.0, 3.0], [1.0, 0.25, 2.0, 0.5]
ignored = pt.clone()
ignored[0, 0, :2] = -100
inside = pt.clone()
ignored255 = pt.clone()
ignored255[1, 2] = 255
W5, W4 = torch.tensor(w5).double(), torch.tensor(w4).double()
soft = torch.softmax(torch.randn(6, 5), 1)
case("class weights", "softmaxCrossEntropy", x, t, lambda a, b: F.cross_entropy(a, b, weight=W5), classWeights=w5)
case("class weights per pixel", "softmaxCrossEntropy", px, pt, lambda a, b: F.cross_entropy(a, b, weight=W4), classWeights=w4)
case("class weights, smoothed", "softmaxCrossEntropy", x, t, lambda a, b: F.cross_entropy(a, b, weight=W5, label_smoothing=0.2), classWeights=w5, labelSmoothing=0.2)
case("class weights of probabilities", "softmaxCrossEntropy", x, soft, lambda a, b: F.cross_entropy(a, b, weight=W5), classWeights=w5)
case("class weights of probabilities, smoothed", "softmaxCrossEntropy", x, soft, lambda a, b: F.cross_entropy(a, b, weight=W5, label_smoothing=0.3), classWeights=w5, labelSmoothing=0.3)
case("ignore", "softmaxCrossEntropy", px, ignored, lambda a, b: F.cross_entropy(a, b), ignoreIndex=-100)
case("ignore 255, weights, smoothed", "softmaxCrossEntropy", px, ignored255, lambda a, b: F.cross_entropy(a, b, weight=W4, ignore_index=255, label_smoothing=0.1), ignoreIndex=255, classWeights=w4, labelSmoothing=0.1)
case("ignore a class", "softmaxCrossEntropy", px, inside, lambda a, b: F.cross_entropy(a, b, ignore_index=1), ignoreIndex=1)
case("nll", "nll", torch.log_softmax(x, 1), t, lambda a, b: F.nll_loss(a, b))
case("nll, weights", "nll", torch.log_softmax(px, 1), ignored, lambda a, b: F.nll_loss(a, b, weight=W4), classWeights=w4, ignoreIndex=-100)

# Binary.
b, bt = torch.randn(3, 7) * 3, torch.rand(3, 7)
hard = (torch.rand(3, 7) > 0.5).float()
pw = [2.0, 0.5, 1.0, 3.0, 1.0, 4.0, 0.25]
case("positive weight", "binaryCrossEntropy", b, bt, lambda a, y: F.binary_cross_entropy_with_logits(a, y, pos_weight=torch.tensor(3.0).double()), positiveWeight=3)
case("positive weights", "binaryCrossEntropy", b, bt, lambda a, y: F.binary_cross_entropy_with_logits(a, y, pos_weight=torch.tensor(pw).double()), positiveWeight=pw)


def focal(a, y, alpha=0.25, gamma=2.0):
    """torchvision.ops.sigmoid_focal_loss."""
    p = torch.sigmoid(a)
    ce = F.binary_cross_entropy_with_logits(a, y, reduction="none")
    p_t = p * y + (1 - p) * (1 - y)
    loss = ce * (1 - p_t) ** gamma
    if alpha >= 0:
        loss = (alpha * y + (1 - alpha) * (1 - y)) * loss
    return loss.mean()


def focal_classes(a, y, gamma=2.0, weight=None, ignore=-100):
    """Lin et al. 2017 on softmax: the cross-entropy of each answer times (1 - p)^gamma, averaged by the weights of the targets."""
    weight = torch.ones(a.shape[1]).double() if weight is None else weight
    kept = y != ignore
    index = torch.where(kept, y, 0)
    lp = torch.log_softmax(a, 1).gather(1, index.unsqueeze(1)).squeeze(1)
    w = weight[index] * kept
    return (-w * (1 - lp.exp()) ** gamma * lp).sum() / w.sum()


case("focal", "focal", b, hard, focal)
case("focal, gamma 1.5, no alpha", "focal", b, hard, lambda a, y: focal(a, y, -1, 1.5), gamma=1.5, alpha=-1)
case("focal of classes", "focal", px, pt, focal_classes)
case("focal of classes, weights", "focal", px, ignored, lambda a, y: focal_classes(a, y, 3, W4), gamma=3, classWeights=w4, ignoreIndex=-100)
case("focal, gamma 0", "focal", x, t, lambda a, y: F.cross_entropy(a, y), gamma=0)

# Between values.
v, vt = torch.randn(4, 6) * 2, torch.randn(4, 6)
case("log cosh", "logCosh", v, vt, lambda a, y: torch.log(torch.cosh(a - y)).mean())
case("poisson", "poisson", v, torch.rand(4, 6) * 5, lambda a, y: F.poisson_nll_loss(a, y))
case("KL divergence", "klDivergence", x, soft, lambda a, y: F.kl_div(F.log_softmax(a, 1), y, reduction="batchmean"))
sparse = F.one_hot(t, 5).float() * 0.75 + F.one_hot((t + 1) % 5, 5) * 0.25
case("KL divergence with zeros", "klDivergence", x, sparse, lambda a, y: F.kl_div(F.log_softmax(a, 1), y, reduction="batchmean"))
case("cosine similarity", "cosineSimilarity", v, vt, lambda a, y: (1 - F.cosine_similarity(a, y, dim=1)).mean())
sign = (torch.rand(4, 6) > 0.5).float() * 2 - 1
case("hinge", "hinge", v, sign, lambda a, y: F.relu(1 - a * y).mean())
case("hinge of 0 and 1", "hinge", v, (sign + 1) / 2, lambda a, y: F.relu(1 - a * (2 * y - 1)).mean())
case("squared hinge", "squaredHinge", v, sign, lambda a, y: (F.relu(1 - a * y) ** 2).mean())


def categorical_hinge(a, y):
    """Keras: max(0, 1 + the highest score of a wrong class, at least 0, - the score of the right one)."""
    hot = F.one_hot(y, a.shape[1]).double()
    return F.relu(((1 - hot) * a).amax(1) - (hot * a).sum(1) + 1).mean()


case("categorical hinge", "categoricalHinge", x, t, categorical_hinge)


# Regions.
def region(a, y, kind, smooth=1.0, per_image=False, activation="sigmoid", ignore=None):
    """As segmentation_models_pytorch's DiceLoss and JaccardLoss with `smooth`, without the mask of classes that do not occur."""
    if not y.is_floating_point():
        hot = F.one_hot(torch.where(y == ignore, 0, y) if ignore is not None else y, a.shape[1])
        hot = hot.movedim(-1, 1).double()
        kept = (y != ignore).double().unsqueeze(1) if ignore is not None else 1
        p, hot = torch.softmax(a, 1) * kept, hot * kept
    else:
        hot = y
        p = torch.sigmoid(a) if activation == "sigmoid" else torch.softmax(a, 1) if activation == "softmax" else a
    axes = tuple(range(0 if not per_image else 1, a.dim()))
    axes = tuple(i for i in axes if i != 1)
    total = lambda z: z.sum(axes) if axes else z
    both, sizes = total(p * hot), total(p) + total(hot)
    if kind == "dice":
        return (1 - (2 * both + smooth) / (sizes + smooth)).mean()
    return (1 - (both + smooth) / (sizes - both + smooth)).mean()


m, mt = torch.randn(2, 2, 3, 4) * 2, (torch.rand(2, 2, 3, 4) > 0.6).float()
for kind in ["dice", "iou"]:
    case(kind, kind, m, mt, lambda a, y: region(a, y, kind))
    case(f"{kind} per image, smooth 0", kind, m, mt, lambda a, y: region(a, y, kind, 0, True), smooth=0, perImage=True)
    case(f"{kind} of classes", kind, px, pt, lambda a, y: region(a, y, kind, 0.1), smooth=0.1)
case("dice of probabilities", "dice", torch.sigmoid(m), mt, lambda a, y: region(a, y, "dice", activation="linear"), activation="linear")
case("dice, softmax of values", "dice", m, mt, lambda a, y: region(a, y, "dice", activation="softmax"), activation="softmax")
case("dice of classes, ignored", "dice", px, ignored, lambda a, y: region(a, y, "dice", ignore=-100), ignoreIndex=-100)
case("dice of rows", "dice", x, t, lambda a, y: region(a, y, "dice"))


def ssim(a, y, window=11, sigma=1.5, value_range=1.0):
    """Wang et al. 2004: 1 - the mean of SSIM where the window fits."""
    g = torch.exp(-((torch.arange(window).double() - (window - 1) / 2) ** 2) / (2 * sigma**2))
    g = g / g.sum()
    c = a.shape[1]
    kernel = (g[:, None] * g[None, :]).expand(c, 1, window, window)
    blur = lambda z: F.conv2d(z, kernel, groups=c)
    ma, my = blur(a), blur(y)
    va, vy, cov = blur(a * a) - ma * ma, blur(y * y) - my * my, blur(a * y) - ma * my
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    index = (2 * ma * my + c1) / (ma**2 + my**2 + c1) * (2 * cov + c2) / (va + vy + c2)
    return 1 - index.mean()


i1, i2 = torch.rand(1, 2, 12, 11), torch.rand(1, 2, 12, 11)
case("ssim", "ssim", i1, i2 * 0.5 + i1 * 0.5, ssim)
case("ssim, small window", "ssim", i1[:, :, :7, :8] * 9, i2[:, :, :7, :8] * 9, lambda a, y: ssim(a, y, 5, 1.0, 9.0), window=5, sigma=1, range=9)

os.makedirs("test/fixtures/torch", exist_ok=True)
with open("test/fixtures/torch/loss.json", "w") as file:
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
    file.write(f'{{"tensors": {lines(tensors)},\n"cases": {lines(cases)}}}\n')
print(len(cases), "cases,", os.path.getsize("test/fixtures/torch/loss.json"), "bytes")
