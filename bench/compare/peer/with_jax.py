"""The workloads in JAX, each compiled as one function."""

import os

import numpy as np


class Backend:
    def __init__(self, device, threads):
        # Before the import, which reads this.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if device == "cpu":
            os.environ["JAX_PLATFORMS"] = "cpu"
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # XLA takes its number of threads from it
        global jax, jnp
        import jax
        import jax.numpy as jnp

        if device == "cuda" and jax.default_backend() != "gpu":
            raise ImportError("this JAX sees no GPU")
        jax.config.update("jax_default_matmul_precision", "highest")  # float32 throughout, as on the other side
        self.name, self.version = "jax", jax.__version__

    def load(self, spec, arrays):
        args = [jnp.asarray(np.frombuffer(data, dtype=dtype).reshape(shape)) for data, dtype, shape in arrays]
        return Work(spec, args)

    def run(self, work, check=False):
        return jax.block_until_ready(work.f(*work.args, 0.0 if check else 1.0) if work.drawn else work.f(*work.args))

    def results(self, work):
        for leaf in self.run(work, check=True):
            yield np.asarray(leaf)


class Work:
    def __init__(self, spec, args):
        n = spec["params"]
        self.drawn = spec["model"] == "sghmc"
        if self.drawn:
            self.args, self.f = args + [jax.random.key(1)], jax.jit(sghmc(spec))
            return
        self.args = [tuple(args[:n])] + args[n:]
        model = MODELS[spec["model"]]

        def loss(p, x, y):
            return -jax.nn.log_softmax(model(p, x[None]))[0, y]

        def total(p, x, y):
            return -jnp.take_along_axis(jax.nn.log_softmax(model(p, x)), y[:, None], 1).sum()

        self.f = jax.jit(REDUCE[spec["reduce"]](spec, loss, total))


def mlp(p, x):
    for i in range(0, len(p) - 2, 2):
        x = jax.nn.relu(x @ p[i] + p[i + 1])
    return x @ p[-2] + p[-1]


def conv(x, w, b):
    return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID") + b[:, None, None]


def cnn(p, x):
    x = jax.nn.relu(conv(x, p[0], p[1]))
    x = jax.nn.relu(conv(x, p[2], p[3]))
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return mlp(p[4:], x.reshape(len(x), -1))


MODELS = {"mlp": mlp, "cnn": cnn}


def batch_grad(spec, loss, total):
    return jax.grad(total)


def per_sample(spec, loss, total):
    return jax.vmap(jax.grad(loss), (None, 0, 0))


def norm(grads):
    return jnp.sqrt(sum(jnp.square(g).reshape(len(g), -1).sum(1) for g in grads))


def norms(spec, loss, total):
    g = per_sample(spec, loss, total)
    return lambda p, x, y: (norm(g(p, x, y)),)


def diag_fisher(spec, loss, total):
    g = per_sample(spec, loss, total)
    return lambda p, x, y: tuple(jnp.square(g).sum(0) for g in g(p, x, y))


def clip_sum(spec, loss, total):
    per, clip = per_sample(spec, loss, total), spec["clip"]

    def f(p, x, y):
        g = per(p, x, y)
        factor = jnp.minimum(clip / norm(g), 1.0)
        return tuple(jnp.einsum("n,n...->...", factor, g) for g in g)

    return f


def hvp(spec, loss, total):
    return lambda p, x, y: jax.jvp(lambda p: jax.grad(total)(p, x, y), (p,), (p,))[1]


REDUCE = {f.__name__: f for f in (batch_grad, per_sample, norms, diag_fisher, clip_sum, hvp)}


def sghmc(spec):
    """Chains on a Gaussian with mean (1, -2) and precision [1.5 0.5; 0.5 1], every position kept."""
    steps, lr, alpha = spec["steps"], spec["lr"], spec["alpha"]
    many = spec["chains"] > 1

    def run(params, momenta, mean, precision, key, temperature):
        def log_posterior(x):
            d = x - mean
            return -0.5 * (d * (precision @ d)).sum()

        gradient = jax.vmap(jax.grad(log_posterior)) if many else jax.grad(log_posterior)
        sd = jnp.sqrt(temperature * lr * 2 * alpha)

        def step(carry, key):
            params, momenta = carry
            g = gradient(params)
            noise = jax.random.normal(key, params.shape)
            params, momenta = params + lr * momenta, momenta + lr * g - lr * alpha * momenta + sd * noise
            return (params, momenta), params

        return (jax.lax.scan(step, (params, momenta), jax.random.split(key, steps))[1],)

    return run
