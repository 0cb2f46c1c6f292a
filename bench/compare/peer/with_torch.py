"""The workloads in PyTorch: functorch up to 1.13, torch.func from 2.0 on."""

import math

import numpy as np
import torch
import torch.nn.functional as F

try:
    from torch.func import grad, vmap, vjp

    NAME = "torch.func"
except ImportError:
    from functorch import grad, vmap, vjp

    NAME = "functorch"


class Backend:
    def __init__(self, device, threads, compiled):
        if compiled and not hasattr(torch, "compile"):
            raise ImportError("torch.compile needs PyTorch 2")
        if device == "cuda" and not torch.cuda.is_available():
            raise ImportError("this PyTorch sees no GPU")
        self.device, self.compiled = device, compiled
        self.name, self.version = "torch.compile" if compiled else NAME, torch.__version__
        if device == "cpu":
            torch.set_num_threads(threads)
        # float32 throughout, as on the other side.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def load(self, spec, arrays):
        args = []
        for (data, dtype, shape), entry in zip(arrays, spec["arrays"]):
            t = torch.from_numpy(np.frombuffer(data, dtype=dtype).reshape(shape).copy())
            if entry.get("linear"):
                t = t.t().contiguous()  # torch keeps [out in]
            args.append((t.long() if dtype == "int32" else t).to(self.device))
        return Work(spec, args, self.compiled)

    def run(self, work, check=False):
        out = work.f(*work.args, check=check) if work.drawn else work.f(*work.args)
        if self.device == "cuda":
            torch.cuda.synchronize()
        return out

    def results(self, work):
        out = self.run(work, check=True)
        for i, t in enumerate(out):
            if len(out) == len(work.linear) and work.linear[i]:
                t = t.transpose(-1, -2)
            yield t.detach().cpu().contiguous().numpy()


class Work:
    def __init__(self, spec, args, compiled):
        n = spec["params"]
        self.linear = [bool(a.get("linear")) for a in spec["arrays"][:n]]
        self.drawn = spec["model"] == "sghmc"
        if self.drawn:
            self.args, self.f = args, sghmc(spec, compiled)
            return
        self.args = [tuple(args[:n])] + args[n:]
        model = MODELS[spec["model"]]

        def loss(p, x, y):  # of one sample
            return F.cross_entropy(model(p, x.unsqueeze(0)), y.unsqueeze(0))

        def total(p, x, y):
            return F.cross_entropy(model(p, x), y, reduction="sum")

        self.f = REDUCE[spec["reduce"]](spec, loss, total)
        if compiled:
            self.f = torch.compile(self.f)


# ---- models: parameters in the order of the inputs ----


def mlp(p, x):
    for i in range(0, len(p) - 2, 2):
        x = F.relu(F.linear(x, p[i], p[i + 1]))
    return F.linear(x, p[-2], p[-1])


def cnn(p, x):
    x = F.relu(F.conv2d(x, p[0], p[1]))
    x = F.relu(F.conv2d(x, p[2], p[3]))
    x = F.max_pool2d(x, 2).flatten(1)
    return mlp(p[4:], x)


MODELS = {"mlp": mlp, "cnn": cnn}

# ---- what is asked of them ----


def batch_grad(spec, loss, total):
    return lambda p, x, y: grad(total)(p, x, y)


def per_sample(spec, loss, total):
    return vmap(grad(loss), (None, 0, 0))


def norm(grads):
    return sum(g.flatten(1).pow(2).sum(1) for g in grads).sqrt()


def norms(spec, loss, total):
    g = per_sample(spec, loss, total)
    return lambda p, x, y: (norm(g(p, x, y)),)


def diag_fisher(spec, loss, total):
    g = per_sample(spec, loss, total)
    return lambda p, x, y: tuple(g.pow(2).sum(0) for g in g(p, x, y))


def clip_sum(spec, loss, total):
    per, clip = per_sample(spec, loss, total), spec["clip"]

    def f(p, x, y):
        g = per(p, x, y)
        factor = (clip / norm(g)).clamp(max=1.0)
        return tuple(torch.einsum("n,n...->...", factor, g) for g in g)

    return f


def hvp(spec, loss, total):
    def f(p, v, x, y):
        _, pull = vjp(lambda p: grad(total)(p, x, y), p)
        return pull(v)[0]

    # The vector is the parameters themselves.
    return lambda p, x, y: f(p, p, x, y)


REDUCE = {f.__name__: f for f in (batch_grad, per_sample, norms, diag_fisher, clip_sum, hvp)}


def sghmc(spec, compiled):
    """Chains on a Gaussian with mean (1, -2) and precision [1.5 0.5; 0.5 1], every position kept."""
    steps, lr, alpha = spec["steps"], spec["lr"], spec["alpha"]
    many = spec["chains"] > 1

    def step(params, momenta, mean, precision, noise, sd):
        def log_posterior(x):
            d = x - mean
            return -0.5 * (d * (precision @ d)).sum()

        g = vmap(grad(log_posterior))(params) if many else grad(log_posterior)(params)
        return params + lr * momenta, momenta + lr * g - lr * alpha * momenta + sd * noise

    if compiled:
        step = torch.compile(step)

    def run(params, momenta, mean, precision, check):
        temperature = 0.0 if check else 1.0  # without noise the results must agree
        sd = math.sqrt(temperature * lr * 2 * alpha)
        kept = []
        for _ in range(steps):
            params, momenta = step(params, momenta, mean, precision, torch.randn_like(params), sd)
            kept.append(params)
        return (torch.stack(kept),)

    return run
