"""Loops of one's own as PyTorch runs them: a GAN, a critic with a gradient penalty, Grad-CAM, and steps of an adversary.

    python3 scripts/torch/nets.py

writes test/fixtures/torch/nets.json. Values are channels last, as convolith has them.
"""
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(14)
torch.set_num_threads(1)
BATCH, NOISE, STEPS = 6, 6, 10


def plain(value):
    """Values at 9 significant digits, which float32 needs."""
    if isinstance(value, torch.Tensor):
        return [float(f"{v:.9g}") for v in value.detach().double().flatten().tolist()]
    return float(f"{value:.9g}")


def channels_last(x):
    return x.permute(0, 2, 3, 1)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(NOISE, 4 * 4 * 4)
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 1, 4, stride=2, padding=1)

    def forward(self, z):
        x = self.project(z).view(-1, 4, 4, 4).permute(0, 3, 1, 2)
        return torch.tanh(self.up(F.relu(self.norm(x))))


class Discriminator(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        # A bias has no gradient ahead of normalisation: Adam would follow roundoff.
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.score = nn.Linear(2 * 2 * 6, 1)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.2)
        x = F.leaky_relu(self.norm(self.second(x)), 0.2)
        return self.score(channels_last(x).flatten(1))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3)
        self.features = nn.Conv2d(6, 8, 3)
        self.head = nn.Linear(8, 3)

    def maps(self, x):
        return F.relu(self.features(F.relu(self.first(x))))

    def forward(self, x):
        return self.head(self.maps(x).mean((2, 3)))


NAMES = {"weight": "kernel", "bias": "bias"}
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance"}


def weights(net):
    found = {}
    for name, value in net.state_dict().items():
        layer, weight = name.rsplit(".", 1)
        if weight == "num_batches_tracked":
            continue
        if layer == "up" and weight == "weight":
            value = value.permute(2, 3, 0, 1)
        elif value.dim() == 4:
            value = value.permute(2, 3, 1, 0)
        elif value.dim() == 2:
            value = value.T
        found[f"{layer}.{(NORM if layer == 'norm' else NAMES)[weight]}"] = plain(value)
    return found


def gan():
    g, d = Generator(), Discriminator(norm=True)
    real = torch.tanh(torch.randn(BATCH, 1, 8, 8))
    noise = torch.randn(STEPS, 2, BATCH, NOISE)
    case = {"real": plain(channels_last(real)), "noise": plain(noise), "before": [weights(g), weights(d)], "losses": []}
    of_g = torch.optim.Adam(g.parameters(), lr=2e-3, betas=(0.5, 0.999))
    of_d = torch.optim.Adam(d.parameters(), lr=2e-3, betas=(0.5, 0.999))
    one, zero = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    bce = F.binary_cross_entropy_with_logits
    for z in noise:
        loss_d = bce(d(real), one) + bce(d(g(z[0]).detach()), zero)
        of_d.zero_grad()
        loss_d.backward()
        of_d.step()
        loss_g = bce(d(g(z[1])), one)
        of_g.zero_grad()
        loss_g.backward()
        of_g.step()
        case["losses"].append([plain(loss_d.item()), plain(loss_g.item())])
    return {**case, "after": [weights(g), weights(d)]}


def critic():
    net = Discriminator(norm=False)
    real, fake = torch.randn(BATCH, 1, 8, 8), torch.randn(BATCH, 1, 8, 8)
    share = torch.rand(3, BATCH, 1, 1, 1)
    case = {"before": weights(net), "share": plain(share), "losses": []}
    case |= {"real": plain(channels_last(real)), "fake": plain(channels_last(fake))}
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0, 0.9))
    for part in share:
        between = (part * real + (1 - part) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(net(between).sum(), between, create_graph=True)
        penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
        loss = net(fake).mean() - net(real).mean() + 10 * penalty
        adam.zero_grad()
        loss.backward()
        adam.step()
        case["losses"].append(plain(loss.item()))
    return {**case, "after": weights(net)}


def looks():
    net = Classifier()
    x = torch.randn(2, 1, 9, 9)
    case = {"weights": weights(net), "x": plain(channels_last(x))}
    maps = net.maps(x)
    scores = net.head(maps.mean((2, 3)))
    (slope,) = torch.autograd.grad(scores[:, 1].sum(), maps)
    case["gradCam"] = plain(F.relu((slope.mean((2, 3), keepdim=True) * maps).sum(1)))
    x.requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(net(x), torch.tensor([0, 2])), x)
    case["saliency"] = plain(channels_last(slope))
    case["fgsm"] = plain(channels_last(x + 0.1 * slope.sign()))
    return case


cases = {"gan": gan(), "critic": critic(), "looks": looks()}
target = Path(__file__).parents[2] / "test/fixtures/torch/nets.json"
target.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
