"""PyTorch's side of test/torch.test.ts: one training step of each network.

    python3 step.py golden > golden.json      the step in binary64, each tensor as two numbers
    python3 step.py steps FOLDER NAME…        the step in float32 on the weights in FOLDER/NAME.sent: each tensor whole
                                              to NAME.made, and the network's state then to NAME.state; safetensors

Weights and images of the golden step come from a counter-based generator that the test has too, so no file holds them.
"""

import json
import struct
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

# Small enough for a test: images of so many pixels, so many of them, and hidden linear layers of so many features.
HIDDEN = 64
CLASSES = 10
SMOOTHING = 0.1
SETTINGS = {
    "alexnet": (96, 2),
    "vgg16": (40, 2),
    "vgg16_bn": (48, 3),
    "resnet18": (64, 4),
    "resnet50": (64, 4),
    "efficientnet_b0": (64, 4),
    "squeezenet1_0": (63, 2),
    "resnet20": (32, 4),
}


# ---- networks


class CifarBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.more = (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more)) if self.more else x))


class CifarResnet(nn.Module):
    """He et al., 2016, section 4.2, with shortcuts of option A."""

    def __init__(self, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        stage = lambda i, o, s: nn.Sequential(CifarBlock(i, o, s), *[CifarBlock(o, o, 1) for _ in range(blocks - 1)])
        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
        self.linear = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def network(name):
    """The network for CLASSES classes, with fewer hidden features, in training mode but for what is random."""
    if name == "resnet20":
        model = CifarResnet(3)
    else:
        quickly = {"init_weights": False} if name.startswith("vgg") else {}
        model = getattr(torchvision.models, name)(num_classes=CLASSES, **quickly)
    hidden = [i for i, m in enumerate(getattr(model, "classifier", [])) if isinstance(m, nn.Linear)]
    if len(hidden) == 3:
        sizes = [model.classifier[hidden[0]].in_features, HIDDEN, HIDDEN, CLASSES]
        for k, i in enumerate(hidden):
            model.classifier[i] = nn.Linear(sizes[k], sizes[k + 1])
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout | torchvision.ops.StochasticDepth):
            module.eval()
    return model


# ---- numbers that both sides compute: uniform in [0, 1) from a name and a counter


def mix(h):
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    return h ^ (h >> np.uint32(16))


def counters(stream, name, count):
    seed = 0x811C9DC5
    for byte in f"{stream}/{name}".encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    return mix(mix(np.array([seed], np.uint32)) + np.arange(count, dtype=np.uint32))


def uniform(name, shape, limit):
    u = (counters(1, name, int(np.prod(shape))) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    return ((u * 2 - 1) * np.float32(limit)).reshape(shape)


def values(name, shape, normalises):
    """A batch norm's shift of 2 up or down keeps most values away from where a ReLU bends: there float32 decides by chance."""
    if len(shape) > 1:
        return uniform(name, shape, np.sqrt(6 / np.prod(shape[1:])))
    if not normalises:
        return uniform(name, shape, 0.1)
    drawn = uniform(name, shape, 0.5)
    return drawn + (np.float32(1) if name.endswith("weight") else np.where(drawn < 0, -2, 2).astype(np.float32))


def batch(name):
    size, count = SETTINGS[name]
    images = uniform("images", (count, 3, size, size), 2)
    return torch.from_numpy(images), torch.arange(count) * 3 % CLASSES


# ---- the step


def step(model, images, labels):
    """Everything that a step makes: logits, loss, gradients, running statistics."""
    logits = model(images)
    loss = F.cross_entropy(logits, labels, label_smoothing=SMOOTHING)
    loss.backward()
    made = {"logits": logits, "loss": loss}
    made |= {f"gradient of {name}": p.grad for name, p in model.named_parameters()}
    made |= {name: b for name, b in model.named_buffers() if "running" in name}
    return {name: t.detach().numpy() for name, t in made.items()}


def golden(name):
    model = network(name).double()
    for path, module in model.named_modules():
        for key, parameter in module.named_parameters(path, recurse=False):
            drawn = values(key, tuple(parameter.shape), isinstance(module, nn.BatchNorm2d))
            parameter.data = torch.from_numpy(drawn).double()
    images, labels = batch(name)
    tensors = {}
    for key, tensor in step(model, images.double(), labels).items():
        signs = 1.0 - 2.0 * (counters(2, key, tensor.size) & np.uint32(1))
        numbers = np.linalg.norm(tensor.ravel()), float(np.dot(signs, tensor.ravel()))
        tensors[key] = [float(f"{x:.9g}") for x in numbers]
    size, count = SETTINGS[name]
    return {"size": size, "batch": count, "state": list(model.state_dict()), "tensors": tensors}


# ---- safetensors, as the format is defined


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    types = {"F32": np.float32, "I64": np.int64}
    return {
        name: torch.from_numpy(np.frombuffer(data[slice(*e["data_offsets"])], types[e["dtype"]]).reshape(e["shape"]).copy())
        for name, e in header.items()
    }


def write(path, tensors):
    header, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        raw = np.ascontiguousarray(tensor).tobytes()
        kind = {"float32": "F32", "int64": "I64"}[str(tensor.dtype)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [end, end + len(raw)]}
        parts.append(raw)
        end += len(raw)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def main(command, *args):
    if command == "golden":
        print(json.dumps({name: golden(name) for name in SETTINGS}, indent=1))
        return
    folder, *names = args
    for name in names:
        model = network(name)
        model.load_state_dict(read(f"{folder}/{name}.sent"), strict=True)
        write(f"{folder}/{name}.made", step(model, *batch(name)))
        write(f"{folder}/{name}.state", {key: tensor.numpy() for key, tensor in model.state_dict().items()})


main(*sys.argv[1:])
