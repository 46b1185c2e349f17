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
case("focal of classes, gamma 1.5", "focal", x, t, lambda a, y: focal_classes(a, y, 1.5), gamma=1.5)
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

# Metrics by their definitions, in NumPy; as scikit-learn's functions of the same names where it has them.
def ranks(a):
    """Ranks from 1, those of equal values averaged."""
    return np.array([((a < v).sum() + 1 + (a <= v).sum()) / 2 for v in a])


def auc(score, label):
    positive = label > 0.5
    n1, n0 = positive.sum(), (~positive).sum()
    return (ranks(score)[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)


def average_precision(score, label):
    total, before = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        chosen = score >= threshold
        recall = label[chosen].sum() / label.sum()
        total += (recall - before) * label[chosen].mean()
        before = recall
    return total


def shares(predicted, label, positive):
    tp = ((predicted == positive) & (label == positive)).sum()
    fp, fn = ((predicted == positive) & (label != positive)).sum(), ((predicted != positive) & (label == positive)).sum()
    over = lambda a, b: a / b if b else 0.0
    return {"precision": over(tp, tp + fp), "recall": over(tp, tp + fn), "f1": over(2 * tp, 2 * tp + fp + fn), "iou": over(tp, tp + fp + fn), "support": int(tp + fn), "any": int(tp + fp + fn)}


def by_class(name, predicted, label, classes, average):
    rows = [shares(predicted, label, c) for c in classes]
    rows = [row for row in rows if row["any"]]
    weights = [row["support"] if average == "weighted" else 1 for row in rows]
    return float(np.average([row[name] for row in rows], weights=weights))


scores = np.round(np.random.randn(40, 5), 1).astype(np.float32)
labels = np.random.randint(0, 4, 40)
predicted = scores.argmax(1)
e = np.exp(scores.astype(np.float64))
p = e / e.sum(1, keepdims=True)
k = lambda n: float(np.mean([(scores[i] > scores[i, labels[i]]).sum() < n for i in range(40)]))
metrics = [
    {
        "targets": "indices", "classes": 5, "scores": rounded(scores), "labels": labels.tolist(),
        "values": {
            "accuracy": float((predicted == labels).mean()), "top2": k(2),
            **{f"{name} {average}": by_class(name, predicted, labels, range(5), average) for name in ["precision", "recall", "f1"] for average in ["macro", "weighted"]},
            "f1 micro": float((predicted == labels).mean()),
            "precision of 2": float(shares(predicted, labels, 2)["precision"]),
            "meanIoU": by_class("iou", predicted, labels, range(5), "macro"),
            "meanIoU of 1 and 3": by_class("iou", predicted, labels, [1, 3], "macro"),
            "auc": float(np.mean([auc(p[:, c], labels == c) for c in range(4)])),
            "averagePrecision": float(np.mean([average_precision(p[:, c], (labels == c).astype(float)) for c in range(4)])),
        },
    }
]
scores = np.round(np.random.randn(30, 3), 1).astype(np.float32)
labels = (np.random.rand(30, 3) + 0.2 * scores > 0.6).astype(float)
flat, truth = (scores > 0.25).reshape(-1), labels.reshape(-1)
channels = lambda f: float(np.mean([f(scores[:, c], labels[:, c]) for c in range(3)]))
share = lambda name: lambda s, t: shares((s > 0.25).astype(int), t, 1)[name]
metrics.append(
    {
        "targets": "binary", "classes": 3, "threshold": 0.25, "scores": rounded(scores), "labels": [int(v) for v in truth],
        "values": {
            "accuracy": float((flat == truth).mean()),
            **{f"{name} micro": float(shares(flat.astype(int), truth, 1)[name]) for name in ["precision", "recall", "f1"]},
            **{f"{name} macro": channels(share(name)) for name in ["precision", "recall", "f1"]},
            "meanIoU": float(np.mean([shares(flat.astype(int), truth, c)["iou"] for c in [0, 1]])),
            "auc": channels(auc), "auc micro": float(auc(scores.reshape(-1), truth)),
            "averagePrecision": channels(average_precision),
        },
    }
)
scores = np.random.randn(12, 4).astype(np.float32)
labels = (scores * 0.7 + np.random.randn(12, 4) * 0.3 + 5).astype(np.float32)
d = scores.astype(np.float64) - labels
spread = ((labels - labels.astype(np.float64).mean(0)) ** 2).sum(0)
metrics.append(
    {
        "targets": "values", "classes": 4, "scores": rounded(scores), "labels": rounded(labels),
        "values": {
            "mae": float(np.abs(d).mean()), "mse": float((d**2).mean()), "rmse": float(np.sqrt((d**2).mean())),
            "r2": float((1 - (d**2).sum(0) / spread).mean()),
            "psnr": float((10 * np.log10(255**2 / (d**2).reshape(3, 16).mean(1))).mean()),
        },
    }
)

os.makedirs("test/fixtures/torch", exist_ok=True)
with open("test/fixtures/torch/loss.json", "w") as file:
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
    file.write(f'{{"tensors": {lines(tensors)},\n"cases": {lines(cases)},\n"metrics": {lines(metrics)}}}\n')
print(len(cases), "cases,", os.path.getsize("test/fixtures/torch/loss.json"), "bytes")
