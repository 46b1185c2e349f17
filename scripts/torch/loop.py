"""Optimizers, learning rate schedules, parameter groups, accumulated gradients and averaged weights as PyTorch computes them.

    python3 scripts/torch/loop.py

writes test/fixtures/torch/loop.json. Lion and LAMB, which PyTorch does not have, follow their papers.
"""
import copy
import json
from pathlib import Path

import torch
from torch.optim import lr_scheduler

torch.manual_seed(14)
STEPS = 10


def plain(value):
    """Values at 9 significant digits, which float32 needs."""
    if isinstance(value, torch.Tensor):
        return plain(value.detach().tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


class Lion(torch.optim.Optimizer):
    """Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), program 1."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                beta1, beta2 = group["betas"]
                update = torch.sign(beta1 * m + (1 - beta1) * p.grad)
                p -= group["lr"] * (update + group["weight_decay"] * p)
                m.copy_(beta2 * m + (1 - beta2) * p.grad)


class Lamb(torch.optim.Optimizer):
    """You et al., "Large Batch Optimization for Deep Learning" (2020), algorithm 2, with the identity for its scaling function."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["step"] += 1
                beta1, beta2 = group["betas"]
                state["m"].copy_(beta1 * state["m"] + (1 - beta1) * p.grad)
                state["v"].copy_(beta2 * state["v"] + (1 - beta2) * p.grad**2)
                m = state["m"] / (1 - beta1 ** state["step"])
                v = state["v"] / (1 - beta2 ** state["step"])
                update = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * p
                ratio = p.norm() / update.norm() if p.norm() > 0 and update.norm() > 0 else 1.0
                p -= group["lr"] * ratio * update


# Ours on the left.
OPTIMIZERS = [
    (dict(kind="adam", learningRate=0.05, amsgrad=True), torch.optim.Adam, dict(lr=0.05, amsgrad=True)),
    (
        dict(kind="adam", learningRate=0.05, beta2=0.6, amsgrad=True, weightDecay=0.1),
        torch.optim.Adam,
        dict(lr=0.05, betas=(0.9, 0.6), amsgrad=True, weight_decay=0.1),
    ),
    (dict(kind="adamW", learningRate=0.05, amsgrad=True), torch.optim.AdamW, dict(lr=0.05, amsgrad=True)),
    # foreach: the other way multiplies a momentum twice in PyTorch 1.13, which later releases mend.
    (dict(kind="nadam"), torch.optim.NAdam, dict(foreach=True)),
    (
        dict(kind="nadam", learningRate=0.1, beta1=0.8, beta2=0.9, weightDecay=0.1, momentumDecay=0.3),
        torch.optim.NAdam,
        dict(lr=0.1, betas=(0.8, 0.9), weight_decay=0.1, momentum_decay=0.3, foreach=True),
    ),
    (dict(kind="radam"), torch.optim.RAdam, {}),
    (dict(kind="radam", learningRate=0.1, beta2=0.9, weightDecay=0.1), torch.optim.RAdam, dict(lr=0.1, betas=(0.9, 0.9), weight_decay=0.1)),
    (dict(kind="adamax"), torch.optim.Adamax, {}),
    (dict(kind="adamax", learningRate=0.1, beta2=0.5, weightDecay=0.1), torch.optim.Adamax, dict(lr=0.1, betas=(0.9, 0.5), weight_decay=0.1)),
    (dict(kind="adadelta"), torch.optim.Adadelta, {}),
    (dict(kind="adadelta", learningRate=0.5, rho=0.6, epsilon=0.01, weightDecay=0.1), torch.optim.Adadelta, dict(lr=0.5, rho=0.6, eps=0.01, weight_decay=0.1)),
    (dict(kind="lion"), Lion, {}),
    (dict(kind="lion", learningRate=0.1, beta1=0.5, beta2=0.7, weightDecay=0.2), Lion, dict(lr=0.1, betas=(0.5, 0.7), weight_decay=0.2)),
    (dict(kind="lamb"), Lamb, {}),
    (dict(kind="lamb", learningRate=0.1, beta2=0.9, weightDecay=0.3), Lamb, dict(lr=0.1, betas=(0.9, 0.9), weight_decay=0.3)),
]


def optimizers():
    weights = torch.randn(70)
    gradients = torch.randn(STEPS, 70)
    gradients[3] *= 5
    cases = []
    for ours, make, options in OPTIMIZERS:
        p = torch.nn.Parameter(weights.double())
        optimizer = make([p], **options)
        after = []
        for gradient in gradients:
            p.grad = gradient.double()
            optimizer.step()
            after.append(p.detach().clone())
        # The first step, one in between, and the last; only some values of each.
        cases.append(dict(optimizer=ours, after={step: plain(after[step - 1][:23].float()) for step in (1, 5, STEPS)}))
    return dict(weights=plain(weights), gradients=plain(gradients), cases=cases)


def rates(make, steps, **options):
    """The learning rates of so many steps."""
    p = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([p], lr=options.pop("lr", 0.1))
    schedule = make(optimizer, **options)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return plain(found)


def momenta(steps, **options):
    """The momenta of so many steps of OneCycleLR."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=steps, **options)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    return plain(found)


def plateau(values, **options):
    p = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([p], lr=0.1)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    found = []
    for value in values:
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step(value)
    return plain(found)


def warm_cosine(optimizer):
    warm = lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=6)
    fall = lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    return lr_scheduler.SequentialLR(optimizer, [warm, fall], milestones=[6])


def schedules():
    losses = [1, 0.9, 0.95, 0.8, 0.81, 0.82, 0.8, 0.83, 0.84, 0.79999, 0.9, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76, 0.77]
    scores = [0.1, 0.2, 0.2, 0.2, 0.3, 0.25, 0.3, 0.3, 0.30001, 0.4]
    s = lr_scheduler
    return dict(
        cosineRestarts=rates(s.CosineAnnealingWarmRestarts, 40, T_0=7),
        cosineRestartsGrowing=rates(s.CosineAnnealingWarmRestarts, 60, T_0=4, T_mult=2, eta_min=0.01),
        oneCycle=rates(s.OneCycleLR, 30, max_lr=0.5, total_steps=30, cycle_momentum=False),
        oneCycleLinear=rates(s.OneCycleLR, 30, max_lr=0.5, total_steps=30, cycle_momentum=False, anneal_strategy="linear", pct_start=0.4, div_factor=10, final_div_factor=100),
        oneCycleThree=rates(s.OneCycleLR, 30, max_lr=0.5, total_steps=30, cycle_momentum=False, three_phase=True),
        momentum=momenta(30),
        momentumLinear=momenta(30, anneal_strategy="linear", pct_start=0.4, base_momentum=0.7, max_momentum=0.9),
        momentumThree=momenta(30, three_phase=True),
        linearWarmup=rates(s.LinearLR, 10),
        linearWarmupEnds=rates(s.LinearLR, 12, start_factor=0.1, end_factor=0.5, total_iters=8),
        warmCosine=rates(warm_cosine, 26),
        exponentialDecay=rates(s.ExponentialLR, 12, gamma=0.8),
        polynomial=rates(s.PolynomialLR, 12, total_iters=9, power=2.0),
        piecewise=rates(s.MultiStepLR, 12, milestones=[3, 7], gamma=0.1),
        losses=losses,
        reduceOnPlateau=plateau(losses, patience=2, factor=0.5),
        reduceOnPlateauAbsolute=plateau(losses, patience=1, factor=0.5, threshold=0.05, threshold_mode="abs", cooldown=2, min_lr=0.02),
        scores=scores,
        reduceOnPlateauMax=plateau(scores, mode="max", patience=1, threshold=0.01),
    )


# A net of three dense layers: weights by our names, kernels transposed.
SIZES = [("a", 4, 6), ("b", 6, 5), ("c", 5, 3)]


def make_net(weights):
    layers = {}
    for name, inputs, units in SIZES:
        layers[name] = torch.nn.Linear(inputs, units)
        with torch.no_grad():
            layers[name].weight.copy_(weights[f"{name}.kernel"].T)
            layers[name].bias.copy_(weights[f"{name}.bias"])
    net = torch.nn.Sequential(layers["a"], torch.nn.Tanh(), layers["b"], torch.nn.Tanh(), layers["c"])
    return net.double(), layers


def weights_of(layers):
    found = {}
    for name, layer in layers.items():
        found[f"{name}.kernel"] = plain(layer.weight.T.float().reshape(-1))
        found[f"{name}.bias"] = plain(layer.bias.float())
    return found


def nets():
    weights = {}
    for name, inputs, units in SIZES:
        weights[f"{name}.kernel"] = torch.randn(inputs, units) * 0.5
        weights[f"{name}.bias"] = torch.randn(units) * 0.1
    x = torch.randn(STEPS, 6, 4)
    y = torch.randint(3, (STEPS, 6))
    loss = torch.nn.CrossEntropyLoss()

    def train(options, groups=None, parts=None, average=None, cycle=None):
        net, layers = make_net(weights)
        given = groups(layers) if groups else net.parameters()
        optimizer = options(given)
        schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=cycle, total_steps=STEPS + 2) if cycle else None
        # As timm's ModelEmaV2: from the weights before the first step.
        averaged = copy.deepcopy(net) if average else None
        for step in range(STEPS):
            optimizer.zero_grad()
            for part in parts or [range(6)]:
                part = list(part)
                share = len(part) / 6
                (loss(net(x[step, part].double()), y[step, part]) * share).backward()
            optimizer.step()
            if schedule:
                schedule.step()
            if averaged:
                with torch.no_grad():
                    for mean, weight in zip(averaged.parameters(), net.parameters()):
                        mean.lerp_(weight, 1 - average)
        result = dict(weights=weights_of(layers))
        if averaged:
            result["averaged"] = weights_of(dict(a=averaged[0], b=averaged[2], c=averaged[4]))
        return result

    def groups(layers):
        return [
            dict(params=layers["a"].parameters(), lr=0.05 * 0.1),
            dict(params=layers["b"].parameters(), weight_decay=0.5),
            dict(params=layers["c"].parameters(), lr=0.05 * 2, weight_decay=0.0),
        ]

    def layer_decay(layers):
        return [dict(params=layers[name].parameters(), lr=0.05 * 0.5 ** (2 - i)) for i, name in enumerate("abc")]

    return dict(
        weights={name: plain(value.reshape(-1)) for name, value in weights.items()},
        x=plain(x.reshape(STEPS, -1)),
        y=y.tolist(),
        groups=train(lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1), groups),
        layerDecay=train(lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9), layer_decay),
        accumulated=train(lambda p: torch.optim.Adam(p, lr=0.05), parts=[range(4), range(4, 6)]),
        ema=train(lambda p: torch.optim.SGD(p, lr=0.1), average=0.8),
        cycledSgd=train(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5, nesterov=True), cycle=0.2),
        cycledAdam=train(lambda p: torch.optim.Adam(p, lr=0.1), cycle=0.2),
        cycledRmsprop=train(lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.5), cycle=0.01),
    )


if __name__ == "__main__":
    path = Path(__file__).parents[2] / "test/fixtures/torch/loop.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(dict(optimizers=optimizers(), schedules=schedules(), net=nets()), separators=(",", ":")) + "\n")
    print(path, path.stat().st_size)
