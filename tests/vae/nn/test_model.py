import numpy as np
import pytest
import torch

from skvae.vae.nn.model import VAE, load_arrays, to_arrays


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


def test_a_poisson_decoder_begins_at_the_mean_counts():
    model, mean = drawn(likelihood="poisson"), torch.tensor([0.0, 1e-3, 0.5, 1, 2, 3, 40, 500])
    assert model.begins_at_mean
    model.start_at(mean)
    at_no_signal = model.likelihood.mean(model.decoder[-1](torch.zeros(1, 5)))[0]

    assert torch.allclose(at_no_signal[1:], mean[1:])
    assert 0 < at_no_signal[0] < 1e-3


def test_other_decoders_begin_where_they_are_drawn():
    own = torch.nn.Linear, torch.nn.Linear
    poisson = [
        VAE(8, 2, (5,), "relu", "poisson", None, *rest) for rest in (("conv", (2, 4, 1)), (own,))
    ]
    assert not any(model.begins_at_mean for model in (*poisson, drawn(), drawn(None, "gaussian")))


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


def test_a_decoder_with_labels_sums_over_classes_where_the_label_is_unknown():
    model = VAE(8, 2, (5,), "tanh", "bernoulli", 3, labels_in_decoder=True)
    model.draw_parameters(torch.Generator().manual_seed(0))
    model.double().set_class_frequencies(np.array([0.5, 0.2, 0.3]))
    x = torch.rand(6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).round()
    z = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    densities = []
    for k in range(3):
        indicator = torch.eye(3, dtype=torch.float64)[k].expand(6, 3)
        p = model.decode(torch.cat([z, indicator], dim=1))
        densities.append((p**x * (1 - p) ** (1 - x)).prod(1))
    by_class = torch.stack(densities, dim=1)
    marginal = by_class @ torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    y = torch.tensor([2, -1, 0, 1, -1, 2])

    torch.testing.assert_close(model.log_likelihood(x, z).exp(), marginal, rtol=1e-6, atol=0)
    expected = torch.where(y < 0, marginal, by_class[torch.arange(6), y])
    torch.testing.assert_close(model.log_likelihood(x, z, y).exp(), expected, rtol=1e-6, atol=0)
    known = y.clamp(min=0)
    torch.testing.assert_close(
        model.log_likelihood(x, z, known).exp(), by_class[torch.arange(6), known]
    )


@pytest.mark.parametrize("network", ["mlp", "conv", (normed_encoder, torch.nn.Linear)])
def test_any_decoder_takes_labels(network):
    model = VAE(8, 2, (), "relu", "bernoulli", 3, network, (2, 4, 1), labels_in_decoder=True)
    model.draw_parameters(torch.Generator().manual_seed(0))
    x, y = torch.rand(5, 8, generator=torch.Generator().manual_seed(1)), torch.arange(5) % 3
    z = model.posterior(x).mean
    assert z.shape == (5, 2)
    assert model.decode(model.decoder_input(z, y)).shape == (5, 8)


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


def test_modules_of_the_users_are_called_as_they_are():
    """A hook of theirs may make the weights."""

    def set_weights(module, _):
        torch.nn.init.ones_(module.weight)

    def make(n_in, n_out):
        layer = torch.nn.Linear(n_in, n_out)
        layer.register_forward_pre_hook(set_weights)
        return torch.nn.Sequential(layer)

    model = VAE(8, 2, (), "relu", "bernoulli", None, network=(make, make))
    for theta in model.parameters():
        theta.data.zero_()
    with torch.no_grad():
        assert model.posterior(torch.ones(1, 8)).mean.tolist() == [[8.0, 8.0]]


NUMBERS = (("gaussian_diag", (1,) * 6),)


def rows_of_rank_3(n=400):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 3)) @ rng.standard_normal((3, 6))
    return torch.from_numpy(((x - x.mean(0)) / x.std(0)).astype(np.float32))


def test_networks_of_blocks_begin_at_principal_components():
    x, model = rows_of_rank_3(), VAE(6, 3, (9, 7), "relu", NUMBERS, None, sees_mask=True)
    model.draw_parameters(torch.Generator().manual_seed(0))
    assert model.begins_at_components
    x[0, 0] = torch.nan
    model.start_at_components(x, None)
    with torch.no_grad():
        posterior = model.posterior(x[1:])
        decoded = model.decode(posterior.mean)
    torch.testing.assert_close(
        posterior.mean.square().mean(0), 1 - posterior.std[0] ** 2, rtol=0.02, atol=0
    )
    assert (decoded - x[1:]).square().mean() < 0.1


@pytest.mark.parametrize(
    "arguments",
    [
        (6, 3, (9, 7), "relu", "gaussian_diag", None),
        (6, 3, (5,), "relu", NUMBERS, None),
        (6, 3, (9, 7), "tanh", NUMBERS, None),
    ],
)
def test_networks_of_arrays_and_those_that_carry_no_components_begin_at_random(arguments):
    assert not VAE(*arguments).begins_at_components
