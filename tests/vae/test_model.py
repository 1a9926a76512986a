import numpy as np
import pytest
import torch

from skvae.vae.model import VAE, load_arrays, to_arrays


def drawn(n_classes=None, likelihood="bernoulli"):
    model = VAE(8, 2, (5, 4), "relu", likelihood, n_classes)
    model.draw_parameters(torch.Generator().manual_seed(0))
    return model


def test_shapes_mirror():
    shapes = {name: a.shape for name, a in to_arrays(drawn()).items()}

    assert shapes["encoder.0.weight"] == (5, 8)
    assert shapes["encoder.4.weight"] == (2 * 2, 4)
    assert shapes["decoder.0.weight"] == (4, 2)
    assert shapes["decoder.4.weight"] == (8, 5)


@pytest.mark.parametrize("n_classes", [None, 3])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_arrays_round_trip(n_classes, likelihood):
    model = drawn(n_classes, likelihood)
    arrays = to_arrays(model)
    for array in arrays.values():
        array.flags.writeable = False
    again = load_arrays(VAE(8, 2, (5, 4), "relu", likelihood, n_classes), arrays)

    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_arrays_are_copies():
    model = drawn()
    arrays = to_arrays(model)
    model.encoder[0].weight.data.zero_()
    assert arrays["encoder.0.weight"].any()

    other = load_arrays(drawn(), arrays)
    other.encoder[0].weight.data.zero_()
    assert arrays["encoder.0.weight"].any()


def test_nothing_touches_the_global_generator():
    before = torch.get_rng_state()
    load_arrays(drawn(3), to_arrays(drawn(3)))

    assert torch.equal(before, torch.get_rng_state())


def test_decode_is_a_probability_for_bernoulli():
    decoded = drawn().decode(torch.randn(3, 2, generator=torch.Generator().manual_seed(1)))

    assert decoded.shape == (3, 8)
    assert np.all((decoded.detach().numpy() > 0) & (decoded.detach().numpy() < 1))


def normed_encoder(n_features, n_outputs):
    hidden = torch.nn.Linear(n_features, 6)
    return torch.nn.Sequential(hidden, torch.nn.LayerNorm(6), torch.nn.Linear(6, n_outputs))


def test_modules_of_the_user_draw_their_weights_from_the_generator_alone():
    before = torch.get_rng_state()
    models = []
    for seed in (0, 0, 1):
        model = VAE(8, 2, (), "relu", "bernoulli", None, (normed_encoder, torch.nn.Linear))
        model.draw_parameters(torch.Generator().manual_seed(seed))
        models.append(model.encoder[0].weight.detach())

    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])
    assert torch.equal(before, torch.get_rng_state())
