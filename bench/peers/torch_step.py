"""PyTorch: the same steps, with the protocol of workloads.mjs. Arguments: workload, threads."""

import json
import os
import resource
import sys
import time

# Debian's OpenBLAS does not know newer processors and falls back to SSE, so this names the processor's kind.
with open("/proc/cpuinfo") as cpuinfo:
    if "avx512f" in cpuinfo.read():
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
# Threads that spin while they wait would take time from those that work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Padded(nn.Module):
    """The paper's option A: every second pixel, with new channels zero."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride, self.more = stride, (outputs - inputs) // 2

    def forward(self, x):
        if self.stride == 1:
            return x
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))


def projected(inputs, outputs, stride):
    """Option B: a convolution with 1 × 1 windows."""
    if stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = shortcut(inputs, outputs, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def stages(widths, count, shortcut):
    blocks = []
    for i, width in enumerate(widths):
        inputs, stride = (widths[i - 1], 2) if i > 0 else (width, 1)
        blocks.append(Block(inputs, width, stride, shortcut))
        blocks += [Block(width, width, 1, shortcut) for _ in range(count - 1)]
    return blocks


def resnet20():
    first = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*first, *stages((16, 32, 64), 3, Padded), *last), (32, 3, 32, 32)


def resnet18():
    first = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)]
    return nn.Sequential(*first, *stages((64, 128, 256, 512), 2, projected), *last), (2, 3, 224, 224)


def lenet():
    layers = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(84, 10)), (64, 1, 28, 28)


def alexnet():
    layers = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2)]
    layers += [nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 2), nn.Flatten(), nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout()]
    layers += [nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers), (4, 3, 224, 224)


makers = {"lenet": lenet, "resnet20": resnet20, "resnet18": resnet18, "alexnet": alexnet}
model, shape = makers[sys.argv[1]]()
images = torch.rand(shape)
labels = torch.arange(shape[0]) % 10
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def step():
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000


for line in sys.stdin:
    before, start, steps = cpu(), time.perf_counter(), 0
    while steps == 0 or (time.perf_counter() - start) * 1000 < float(line):
        loss = step()
        steps += 1
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) * 1024
    wall = (time.perf_counter() - start) * 1000 / steps
    answer = {"cpu": (cpu() - before) / steps, "wall": wall, "loss": loss, "residentBytes": peak}
    print(json.dumps(answer), flush=True)
