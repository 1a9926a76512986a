import pickle
from typing import get_args

import numpy as np
import pytest
import torch

from skvae.data.row_facts import facts_of
from skvae.vae.descriptions import (
    LIKELIHOODS,
    NETWORKS,
    PRIORS,
    LikelihoodName,
    NetworkName,
    PriorName,
    automatic_likelihood,
    likelihood_of,
    network_of,
    prior_of,
)
from skvae.vae.nn import likelihoods, networks, priors
from skvae.vae.part_types import Likelihood, Network, NetworkSizes


@pytest.mark.parametrize(
    ("descriptions", "modules"),
    [
        (LIKELIHOODS, likelihoods.MODULES),
        (NETWORKS, networks.MODULES),
        (PRIORS, priors.MODULES),
    ],
)
def test_each_description_has_modules(descriptions, modules):
    assert descriptions.keys() == modules.keys()


def test_types_of_parameters_are_the_names_that_there_are():
    assert get_args(LikelihoodName) == ("auto", *LIKELIHOODS)
    assert get_args(NetworkName) == tuple(NETWORKS)
    assert get_args(PriorName) == tuple(PRIORS)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_numpy_and_torch_say_the_same_of_a_likelihood(name):
    description, module = LIKELIHOODS[name], likelihoods.MODULES[name](3)
    output = torch.linspace(-5, 5, 12).view(4, 3)
    np.testing.assert_allclose(description.to_mean(output.numpy()), module.mean(output), rtol=1e-5)
    x = output.abs()
    seen = getattr(module, "encoder_input", lambda x: x)(x)
    np.testing.assert_allclose(description.to_encoder(x.numpy()), seen, rtol=1e-5)


def test_a_likelihood_without_a_description_is_never_taken_for_another():
    with pytest.raises(KeyError):
        likelihood_of("normal")
    bare = likelihood_of(likelihoods.Bernoulli)
    assert bare.name == "Bernoulli"
    assert bare.to_encoder is bare.to_mean is bare.page_mean is None
    with pytest.raises(ValueError, match="its description has no page_mean"):
        bare.page_expression()


def test_descriptions_of_the_user_pass_through():
    own = Likelihood("own", likelihoods.Bernoulli), Network("own", networks.MODULES["mlp"])
    assert likelihood_of(own[0]) is own[0]
    assert network_of(own[1]) is own[1]
    assert pickle.loads(pickle.dumps(own)) == own
    assert prior_of(priors.StandardNormal).learned


def test_a_pair_makes_encoder_and_decoder_of_the_sizes():
    sizes = NetworkSizes(6, 2, (5,), "relu", n_labels=3, outputs_per_feature=2)
    pair = network_of((torch.nn.Linear, torch.nn.Linear))
    encoder, decoder = pair.modules(sizes)
    assert encoder.weight.shape == (4, 6)
    assert decoder.weight.shape == (12, 5)


@pytest.mark.parametrize("name", [n for n in LIKELIHOODS if LIKELIHOODS[n].page_mean])
def test_means_for_the_page_only_compute(name):
    assert LIKELIHOODS[name].page_expression() == LIKELIHOODS[name].page_mean


def test_what_takes_several_columns_has_no_page():
    with pytest.raises(ValueError, match="'categorical': its description has no page_mean"):
        LIKELIHOODS["categorical"].page_expression()


@pytest.mark.parametrize(
    ("X", "name"),
    [
        ([[0.0, 1.0], [1.0, 1.0]], "bernoulli"),
        ([[0.0, 1e-9], [1 - 1e-9, 0.0]], "bernoulli"),
        ([[0.0, 0.0], [0.0, 0.0]], "bernoulli"),
        ([[0.5, 1.0], [0.0, 1.0]], "gaussian"),
        ([[3e-17, 5e-17], [1e-17, 0.0]], "gaussian"),
        ([[1 + 3e-9, 1.0], [1.0, 1 - 2e-9]], "gaussian"),
    ],
)
def test_values_are_binary_where_they_are_0_and_1_up_to_rounding(X, name):
    """Fluxes of 1e-17, and what lies near 1 alone, are measurements."""
    assert automatic_likelihood(facts_of(np.array(X)), 1.0, binarized=False) == name
