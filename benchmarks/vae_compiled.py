"""How far a compiled kernel would take a step of training: all but the products in C.

``OMP_NUM_THREADS=1 python vae_compiled.py``, half a minute, on Linux with a C compiler, ``cc``.
Three contenders take turns: the products alone, the loop of ``fit``, and a step whose products are
torch's and whose every other operation is one of six functions of C, called by ctypes. It descends
the same loss, reports no value of it, and is no part of the package.
"""

import ctypes
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from interleaved import clock, take_turns, times_as_long
from tables import show
from vae_contenders import BATCH, LATENT, RATE, SLICE, STANDARD, Floor, Skvae

from skvae.compute.torch_runtime import scoped_runtime
from skvae.datasets import load_mnist

SOURCE = r"""
#include <math.h>
#define EACH for (int i = 0; i < n; i++) for (int j = 0; j < m; j++)
typedef float *restrict out; typedef const float *restrict in;

static void zero(out a, int m) { for (int j = 0; j < m; j++) a[j] = 0; }

void add_bias_relu(out h, in b, int n, int m) {
    EACH { float v = h[i * m + j] + b[j]; h[i * m + j] = v > 0 ? v : 0; }
}

void draw(in output, in b, in noise, out mean, out raw, out std, out z, int n, int m) {
    EACH {
        int k = i * m + j;
        mean[k] = output[2 * i * m + j] + b[j];
        raw[k] = output[2 * i * m + m + j] + b[m + j];
        std[k] = log1pf(expf(-fabsf(raw[k]))) + (raw[k] > 0 ? raw[k] : 0) + 1e-6f;
        z[k] = mean[k] + std[k] * noise[k];
    }
}

void bernoulli_back(out logits, in b, in x, out d_b, int n, int m) {
    zero(d_b, m);
    EACH {
        int k = i * m + j;
        logits[k] = 1 / (1 + expf(-(logits[k] + b[j]))) - x[k];
        d_b[j] += logits[k];
    }
}

void relu_back(out d, in h, out d_b, int n, int m) {
    zero(d_b, m);
    EACH { int k = i * m + j; d[k] = h[k] > 0 ? d[k] : 0; d_b[j] += d[k]; }
}

void draw_back(in d_z, in noise, in mean, in raw, in std, out d, out d_b, int n, int m) {
    zero(d_b, 2 * m);
    EACH {
        int k = i * m + j;
        float d_std = d_z[k] * noise[k] + std[k] - 1 / std[k];
        float d_mean = d_z[k] + mean[k], d_raw = d_std / (1 + expf(-raw[k]));
        d[2 * i * m + j] = d_mean, d[2 * i * m + m + j] = d_raw;
        d_b[j] += d_mean, d_b[m + j] += d_raw;
    }
}

void adam(out theta, in g, out m, out v, int n, float rate, float unbias_m, float unbias_v) {
    for (int i = 0; i < n; i++) {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        theta[i] -= rate * unbias_m * m[i] / (sqrtf(v[i] * unbias_v) + 1e-8f);
    }
}
"""


def compiled():
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "step.c", Path(folder) / "step.so"
        source.write_text(SOURCE)
        options = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math"]
        command = ["cc", *options, "-shared", "-fPIC", "-o", library, source, "-lmvec", "-lm"]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library))


def bound(function, *arguments):
    """A call of C, or of torch, that needs no more arguments."""
    pointers = {torch.Tensor: lambda t: ctypes.c_void_p(t.data_ptr()), int: ctypes.c_int}
    call = partial(function, *(pointers[type(a)](a) for a in arguments))
    call.kept = arguments  # the memory that the pointers point to
    return call


class Compiled:
    """The network of the other contenders, batches of 64."""

    def __init__(self, rows):
        self.c, self.rows, n = compiled(), torch.from_numpy(rows), BATCH
        layers = [*STANDARD.encoder, *STANDARD.decoder]
        size = sum(n_in * n_out + n_out for n_in, n_out in layers)
        self.theta, self.gradient, self.m, self.v = (torch.zeros(size) for _ in range(4))
        self.x, self.noise = torch.empty(n, 784), torch.empty(n, LATENT)
        self.n_steps, self.batches, self.calls = 0, self._batches(), []
        mean, raw, std, z = (torch.empty(n, LATENT) for _ in range(4))
        parts = [list(self._pieces(vector, layers)) for vector in (self.theta, self.gradient)]
        outputs = [torch.empty(n, n_out) for _, n_out in layers]
        inputs = [self.x, *outputs[:2], z, *outputs[3:5]]
        d_inputs = [torch.empty(n, n_in) for n_in, _ in layers]
        for number, (weight, bias) in enumerate(parts[0]):
            weight.uniform_(-(weight.shape[1] ** -0.5), weight.shape[1] ** -0.5)
            self._multiply(inputs[number], weight.t(), outputs[number])
            if number == 2:
                self._add(self.c.draw, outputs[2], bias, self.noise, mean, raw, std, z, n, LATENT)
            elif number < 5:
                self._add(self.c.add_bias_relu, outputs[number], bias, n, bias.numel())
        self._add(self.c.bernoulli_back, outputs[5], parts[0][5][1], self.x, parts[1][5][1], n, 784)
        d_output = outputs[5]
        for number in reversed(range(6)):
            self._multiply(d_output.t(), inputs[number], parts[1][number][0])
            if not number:
                break
            self._multiply(d_output, parts[0][number][0], d_inputs[number])
            d_output, d_bias = d_inputs[number], parts[1][number - 1][1]
            if number == 3:
                d_z, d_output = d_output, torch.empty(n, 2 * LATENT)
                kept = d_z, self.noise, mean, raw, std
                self._add(self.c.draw_back, *kept, d_output, d_bias, n, LATENT)
            else:
                self._add(self.c.relu_back, d_output, inputs[number], d_bias, n, d_bias.numel())

    def _pieces(self, vector, layers):
        for n_in, n_out in layers:
            yield vector[: n_in * n_out].view(n_out, n_in), vector[n_in * n_out :][:n_out]
            vector = vector[n_in * n_out + n_out :]

    def _multiply(self, a, b, out):
        self.calls.append(partial(torch.mm, a, b, out=out))

    def _add(self, function, *arguments):
        self.calls.append(bound(function, *arguments))

    def _batches(self):
        while True:
            yield from torch.randperm(len(self.rows)).split(BATCH)[: len(self.rows) // BATCH]

    def _step(self):
        torch.index_select(self.rows, 0, next(self.batches), out=self.x)
        self.noise.normal_()
        for call in self.calls:
            call()
        self.n_steps += 1
        unbias = (1 / (1 - decay**self.n_steps) for decay in (0.9, 0.999))
        numbers = map(ctypes.c_float, (RATE, *unbias))
        vectors = self.theta, self.gradient, self.m, self.v
        bound(self.c.adam, *vectors, self.theta.numel())(*numbers)

    def __call__(self, n_steps):
        with scoped_runtime(1), torch.inference_mode():
            for _ in range(n_steps):
                self._step()


def steps(rows):
    contenders = {"floor": Floor(rows), "skvae": Skvae(rows), "compiled": Compiled(rows)}
    works = {name: partial(clock, partial(run, SLICE)) for name, run in contenders.items()}
    seconds = take_turns(works, 20)
    for name in works:
        ms = 1e3 * seconds[name] / SLICE
        ratios = (f"{times_as_long(seconds, name, than):.2f}" for than in ("floor", "skvae"))
        yield name, f"{ms.min():.2f}", f"{np.median(ms):.2f}", *ratios


def main():
    rows = (load_mnist(subset="train").data > 127).astype(np.float32)
    show(["step", "least ms", "median ms", "x floor", "x skvae"], steps(rows))


if __name__ == "__main__":
    main()
