import re

import pytest
import small
from sklearn.datasets import load_digits

from skvae.callbacks import Lines

pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
X = load_digits().data[:200] / 16


def printed(lines, capsys, **options):
    vae = small.vae(hidden_layer_sizes=(8,), **options).set_callbacks(lines).fit(X)
    return vae, capsys.readouterr().out.splitlines()


def test_a_line_for_each_epoch(capsys):
    vae, lines = printed(Lines(), capsys, max_iter=3)
    pattern = r"Epoch: (\d) ELBO: (-\d+\.\d{3}) s/epoch: \d\.\d{3}e[+-]\d\d"
    numbers, elbos = zip(*(re.fullmatch(pattern, line).groups() for line in lines), strict=True)
    assert numbers == ("1", "2", "3")
    assert elbos == tuple(f"{elbo:.3f}" for elbo in vae.history_["elbo"])


def test_a_template_chooses_and_the_last_epoch_has_a_line(capsys):
    lines = Lines("{number} {kl_weight:.1f}", every=2, number=lambda n: 10 * n)
    _, found = printed(lines, capsys, max_iter=3, warm_up=0.0)
    assert found == ["20 1.0", "30 1.0"]


def test_seconds_are_those_of_one_step_of_the_number(capsys):
    _, (line,) = printed(Lines("{seconds}", number=lambda n: 10**9 * n), capsys, max_iter=1)
    assert 0 < float(line) < 1e-6
