# Steps of training in PyTorch's CPU build: python3 train.py FOLDER. Reads commands from standard input, a line of JSON each, and answers
# each by a line. {"load": NAME} reads NAME.json, a model's description with its loss and optimizer (and the critic's, of a GAN), and the
# float32 files NAME.x, NAME.y and NAME.w, all weights in order. {"steps": n, "threads": t} trains on and gives {"ms": [...], "losses": [...]}.
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

FORMATS = [torch.channels_last, torch.contiguous_format]


def pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


def activation(config):
    kind = config if isinstance(config, str) else config["kind"]
    alpha = 0.01 if isinstance(config, str) else config.get("alpha", 0.01)
    table = {
        "relu": lambda v: F.relu(v, inplace=True),
        "leakyRelu": lambda v: F.leaky_relu(v, alpha, inplace=True),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
    }
    return table[kind]


class Net:
    """A model's description with weights: kernels come as [kh, kw, in, out], dense ones as [in, out]."""

    def __init__(self, model, weights, memory):
        self.model, self.memory, self.parameters, self.calls = model, memory, [], []
        for layer in model["layers"]:
            own = {n.rsplit(".", 1)[1]: w for n, w in weights.items() if n.rsplit(".", 1)[0] == layer["name"]}
            call = getattr(self, layer["kind"])(layer["config"], own)
            after = layer["config"].get("activation")
            self.calls.append((layer["name"], layer["inputs"], call, activation(after) if after else None))

    def keep(self, array, transposed=None):
        tensor = torch.from_numpy(array if transposed is None else array.transpose(transposed).copy())
        if tensor.dim() == 4:
            tensor = tensor.contiguous(memory_format=self.memory)
        self.parameters.append(tensor.requires_grad_())
        return tensor

    def filter(self, c, w, axes):
        kh, kw = pair(c["kernel"])
        kernel = self.keep(w["kernel"].reshape(kh, kw, -1, c["filters"]), axes)
        bias = self.keep(w["bias"]) if "bias" in w else None
        stride, padding = pair(c.get("stride", 1)), pair(c.get("padding", 0))
        return kernel, bias, stride, padding

    def conv2d(self, c, w):
        k, b, stride, padding = self.filter(c, w, (3, 2, 0, 1))
        return lambda v: F.conv2d(v, k, b, stride, padding)

    def convTranspose2d(self, c, w):
        k, b, stride, padding = self.filter(c, w, (2, 3, 0, 1))
        return lambda v: F.conv_transpose2d(v, k, b, stride, padding)

    def batchNorm(self, c, w):
        gamma, beta = self.keep(w["gamma"]), self.keep(w["beta"])
        mean, variance = torch.from_numpy(w["mean"].copy()), torch.from_numpy(w["variance"].copy())
        return lambda v: F.batch_norm(v, mean, variance, gamma, beta, True, 0.1, 1e-5)

    def dense(self, c, w):
        k, b = self.keep(w["kernel"].reshape(-1, c["units"]), (1, 0)), self.keep(w["bias"])
        return lambda v: F.linear(v, k, b)

    def relu(self, c, w):
        return activation("relu")

    def leakyRelu(self, c, w):
        return activation({"kind": "leakyRelu", **c})

    def sigmoid(self, c, w):
        return torch.sigmoid

    def maxPool2d(self, c, w):
        return lambda v: F.max_pool2d(v, pair(c["size"]))

    def globalAvgPool(self, c, w):
        return lambda v: v.mean((2, 3))

    def flatten(self, c, w):  # as channels last lie in memory
        return lambda v: v.permute(0, 2, 3, 1).flatten(1)

    def reshape(self, c, w):
        _, h, width, channels = c["shape"]
        return lambda v: v.view(-1, h, width, channels).permute(0, 3, 1, 2).contiguous(memory_format=self.memory)

    def add(self, c, w):
        return lambda a, b: a + b

    def concat(self, c, w):
        return lambda *parts: torch.cat(parts, 1)

    def __call__(self, x):
        values = {self.model["inputs"][0]["name"]: x}
        for name, reads, call, after in self.calls:
            y = call(*[values[n] for n in reads])
            values[name] = after(y) if after else y
        return values[self.model["outputs"][0]]


def optimizer(config, parameters):
    if config["kind"] == "sgd":
        return torch.optim.SGD(parameters, lr=config["learningRate"], momentum=config["momentum"])
    return torch.optim.Adam(parameters, lr=config["learningRate"], betas=(config["beta1"], 0.999))


def read_weights(folder, name, *lists):
    flat, at, all_weights = np.fromfile(f"{folder}/{name}.w", np.float32), 0, []
    for listed in lists:
        weights = {}
        for key, length in listed:
            weights[key] = flat[at : at + length]
            at += length
        all_weights.append(weights)
    return all_weights


def inputs(path, shape, memory):
    x = torch.from_numpy(np.fromfile(path, np.float32).reshape(-1, *shape))
    return x.permute(0, 3, 1, 2).contiguous(memory_format=memory) if len(shape) == 3 else x


def dice(scores, y):
    """1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1) over the batch, of logits."""
    p = torch.sigmoid(scores)
    return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)


class Task:
    def __init__(self, folder, name, about, memory):
        (weights,) = read_weights(folder, name, about["weights"])
        self.net = Net(about["model"], weights, memory)
        self.x = inputs(f"{folder}/{name}.x", about["model"]["inputs"][0]["shape"], memory)
        self.optimizer = optimizer(about["optimizer"], self.net.parameters)
        y = torch.from_numpy(np.fromfile(f"{folder}/{name}.y", np.float32))
        if about["loss"] == "softmaxCrossEntropy":
            classes = y.long()
            self.loss = lambda scores: F.cross_entropy(scores, classes)
        else:
            self.loss = lambda scores: dice(scores, y.view_as(scores))

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.net(self.x))
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Gan:
    def __init__(self, folder, name, about, memory):
        weights = read_weights(folder, name, about["weights"], about["criticWeights"])
        models = [about["model"], about["critic"]]
        self.generator, self.critic = [Net(m, w, memory) for m, w in zip(models, weights)]
        self.noise, self.images = [
            inputs(f"{folder}/{name}.{ending}", model["inputs"][0]["shape"], memory)
            for ending, model in zip("xy", models)
        ]
        self.optimizers = [optimizer(about["optimizer"], net.parameters) for net in (self.critic, self.generator)]
        self.real = torch.ones(len(self.images), 1)
        self.fake = torch.zeros(len(self.images), 1)

    def step(self):
        score = F.binary_cross_entropy_with_logits
        of_critic, of_generator = self.optimizers
        drawn = self.generator(self.noise)
        of_critic.zero_grad(set_to_none=True)
        a = score(self.critic(self.images), self.real) + score(self.critic(drawn.detach()), self.fake)
        a.backward()
        of_critic.step()
        of_generator.zero_grad(set_to_none=True)
        b = score(self.critic(drawn), self.real)
        b.backward()
        of_generator.step()
        return a.item() + b.item()


def steps(task, count):
    ms, losses = [], []
    for _ in range(count):
        start = time.perf_counter()
        losses.append(task.step())
        ms.append((time.perf_counter() - start) * 1000)
    return {"ms": ms, "losses": losses}


def load(folder, name):
    """The task in the memory format that is the faster one for it here, from its first weights."""
    torch.set_num_threads(1)
    about = json.load(open(f"{folder}/{name}.json"))
    make = lambda memory: (Gan if about["loss"] == "gan" else Task)(folder, name, about, memory)
    best = min(FORMATS, key=lambda memory: min(steps(make(memory), 2)["ms"]))
    return make(best), {"format": str(best)}


def main():
    folder, task = sys.argv[1], None
    for line in sys.stdin:
        command = json.loads(line)
        if "load" in command:
            task, answer = load(folder, command["load"])
        else:
            torch.set_num_threads(command["threads"])
            answer = steps(task, command["steps"])
        print(json.dumps(answer), flush=True)


main()
