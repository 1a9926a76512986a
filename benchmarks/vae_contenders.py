"""Ways to train the network 784-200-200: 784-200-200-(2x100)-200-200-784, ReLU, batches of 64.

A contender is made from binary rows (n, 784), float32, and takes the steps that a call asks for,
in whole hundreds. A peer that is not installed raises ImportError when it is made. Some take a
setting of another size.
"""

import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from skvae.compute.torch_runtime import scoped_runtime
from skvae.vae.nn.model import VAE
from skvae.vae.schedule import Schedule
from skvae.vae.training.aside import AT_ONCE, ThreadAside
from skvae.vae.training.batches import Batches, Noise
from skvae.vae.training.loop import library_for, train
from skvae.vae.training.optimizers import OPTIMIZERS, flatten

BATCH, LATENT, RATE = 64, 100, 1e-3
SLICE = 100  # steps of a turn


class Setting(NamedTuple):
    """Sizes of a step."""

    batch: int = BATCH
    hidden: int = 200

    @property
    def encoder(self):
        return [(784, self.hidden), (self.hidden, self.hidden), (self.hidden, 2 * LATENT)]

    @property
    def decoder(self):
        return [(LATENT, self.hidden), (self.hidden, self.hidden), (self.hidden, 784)]


STANDARD = Setting()
ENCODER, DECODER = STANDARD.encoder, STANDARD.decoder


class Floor:
    """The matrix products of a step alone, six forward and eleven backward."""

    def __init__(self, rows, setting=STANDARD):
        n = setting.batch
        self.products = []
        for number, (n_in, n_out) in enumerate([*setting.encoder, *setting.decoder]):
            h, weight, out = (torch.rand(s) for s in [(n, n_in), (n_out, n_in), (n, n_out)])
            self.products += [(h, weight.T, torch.empty(n, n_out))]
            self.products += [(out.T, h, torch.empty(n_out, n_in))]
            if number:
                self.products += [(out, weight, torch.empty(n, n_in))]

    def __call__(self, n_steps):
        for _ in range(n_steps):
            for a, b, out in self.products:
                torch.mm(a, b, out=out)


def perceptron_model(setting=STANDARD):
    """The model of skvae with the network 784-200-200."""
    model = VAE(784, LATENT, (setting.hidden, setting.hidden), "relu", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    return model


def convolutional_model():
    """``network="conv"`` of skvae, with as many latent dimensions."""
    model = VAE(784, LATENT, (200,), "relu", "bernoulli", None, "conv", (28, 28, 1))
    model.draw_parameters(torch.Generator().manual_seed(0))
    return model


class Skvae:
    """The training loop of ``VAETransformer.fit``; ``n_threads`` is its ``n_jobs``.

    An epoch, on whose length it depends how often the loss is taken, is a pass in whole hundreds.
    """

    def __init__(self, rows, n_threads=1, optimizer="adam", device="cpu", setting=STANDARD):
        self.n_threads = n_threads
        model = perceptron_model(setting).to(device)
        self.progress = train(
            model,
            OPTIMIZERS[optimizer]([flatten(list(model.parameters()))], RATE),
            Batches(
                torch.from_numpy(rows).to(device),
                None,
                Noise(LATENT),
                batch_size=setting.batch,
                seed=0,
                steps_per_epoch=SLICE * max(1, len(rows) // (SLICE * setting.batch)),
            ),
            Schedule(10**9, RATE, cosine=True, beta=1.0, warm_up=0.0),
            library=library_for(model, setting.batch),
            aside=_begun() if n_threads is None else AT_ONCE,
        )

    def __call__(self, n_steps):
        with scoped_runtime(self.n_threads):
            for _ in range(n_steps // SLICE):
                next(self.progress)


def _begun():
    """A second thread, as ``fit`` has by default, which ends with the process."""
    aside = ThreadAside()
    aside.start()
    return aside


def perceptron(layers):
    modules = [part for sizes in layers for part in (nn.Linear(*sizes), nn.ReLU())]
    return nn.Sequential(*modules[:-1])


class Eager(nn.Module):
    """The model as one writes it in plain PyTorch, and its plain loop."""

    def __init__(self, setting=STANDARD):
        super().__init__()
        self.encoder, self.decoder = perceptron(setting.encoder), perceptron(setting.decoder)

    def forward(self, x):
        mean, raw_scale = self.encoder(x).chunk(2, dim=1)
        std = functional.softplus(raw_scale)
        return self.decoder(mean + std * torch.randn_like(std)), mean, std


def negative_elbo(output, x):
    logits, mean, std = output
    nll = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return nll + (0.5 * (std**2 + mean**2 - 1) - std.log()).sum()


class EagerLoop:
    """In-memory rows, a random order in each epoch, a torch optimizer."""

    def __init__(
        self,
        rows,
        make_optimizer,
        compiled=False,
        device="cpu",
        in_bfloat16=False,
        n_threads=1,
        flushed=False,
        setting=STANDARD,
    ):
        self.x, self.model = torch.from_numpy(rows).to(device), Eager(setting).to(device)
        self.n_threads, self.flushed, self.batch = n_threads, flushed, setting.batch
        self.optimizer = make_optimizer(self.model.parameters(), lr=RATE)
        self.batches = self._batches()
        self.loss = torch.compile(self._loss) if compiled else self._loss
        self.in_bfloat16 = in_bfloat16

    def _loss(self, x):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            output = self.model(x)
        return negative_elbo(output, x)

    def _batches(self):
        while True:
            yield from torch.randperm(len(self.x), device=self.x.device).split(self.batch)

    def __call__(self, n_steps):
        before = torch.get_num_threads()
        torch.set_num_threads(self.n_threads)
        torch.set_flush_denormal(self.flushed)
        for _ in range(n_steps):
            loss = self.loss(self.x[next(self.batches)])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


class Portions:
    """For peers that make a pass over a data set: as many rows as the steps need, in turn."""

    def __init__(self, rows):
        self.rows, self.first = rows, 0

    def take(self, n_steps):
        n = n_steps * BATCH
        if self.first + n > len(self.rows):
            self.first = 0
        self.first += n
        return self.rows[self.first - n : self.first]


class Skorch:
    def __init__(self, rows):
        from skorch import NeuralNet

        class Criterion(nn.Module):
            def forward(self, output, x):
                return negative_elbo(output, x)

        self.portions = Portions(rows)
        self.net = NeuralNet(
            Eager,
            criterion=Criterion,
            optimizer=torch.optim.RMSprop,
            lr=RATE,
            batch_size=BATCH,
            max_epochs=1,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        ).initialize()

    def __call__(self, n_steps):
        x = self.portions.take(n_steps)
        self.net.partial_fit(x, x)


class Pythae:
    def __init__(self, rows):
        logging.disable(logging.INFO)
        from pythae.data.datasets import BaseDataset
        from pythae.models import VAE as PythaeVAE
        from pythae.models import VAEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        class Encoder(BaseEncoder):
            def __init__(self):
                super().__init__()
                self.layers = perceptron(ENCODER)

            def forward(self, x):
                mean, log_var = self.layers(x).chunk(2, dim=1)
                return ModelOutput(embedding=mean, log_covariance=log_var)

        class Decoder(BaseDecoder):
            def __init__(self):
                super().__init__()
                self.layers = perceptron(DECODER)

            def forward(self, z):
                return ModelOutput(reconstruction=self.layers(z).sigmoid())

        config = VAEConfig(input_dim=(784,), latent_dim=LATENT, reconstruction_loss="bce")
        folder = tempfile.mkdtemp()
        options = BaseTrainerConfig(
            folder,
            per_device_train_batch_size=BATCH,
            optimizer_cls="RMSprop",
            learning_rate=RATE,
            no_cuda=True,
        )
        self.dataset = lambda x: BaseDataset(torch.from_numpy(x), torch.zeros(len(x)))
        model = PythaeVAE(config, Encoder(), Decoder())
        self.trainer = BaseTrainer(model, self.dataset(rows[:BATCH]), training_config=options)
        self.trainer.prepare_training()
        self.portions = Portions(rows)

    def __call__(self, n_steps):
        dataset = self.dataset(self.portions.take(n_steps))
        self.trainer.train_loader = self.trainer.get_train_dataloader(dataset)
        self.trainer.train_step(epoch=1)


class TensorFlow:
    """A graph of TensorFlow 1 of the same network, timed by its own process."""

    def __init__(self, rows, python=sys.executable):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "rows.npy"
        np.save(path, rows)
        script = Path(__file__).with_name("vae_tensorflow.py")
        self.process = subprocess.Popen(
            [python, script, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.seconds(1)
        except (ValueError, BrokenPipeError):
            raise ImportError("no tensorflow") from None

    def seconds(self, n_steps):
        print(n_steps, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())
