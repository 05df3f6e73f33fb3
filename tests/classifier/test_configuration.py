"""What can be set is validated once, with the same meaning for both models."""

import pytest
from pydantic import ValidationError

from fashion_compare.classifier.configuration import (
    CONFIGURATIONS,
    CnnConfiguration,
    FfnnConfiguration,
    defining_settings,
    from_defining_settings,
    neutral_settings,
)

SHARED = {
    "learning_rate": 0.5,
    "batch_size": 7,
    "epochs": 0,
    "schedule": "one_cycle",
    "optimizer": "adamw",
    "momentum": 0.0,
    "l1": 0.1,
    "l2": 0.2,
    "weight_decay": 0.3,
    "gradient_clip_norm": 1.5,
    "label_smoothing": 0.1,
    "normalization": "batch",
    "ema_decay": 0.99,
    "patience": 3,
    "dropout": 0.0,
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values())
def test_what_is_set_survives_json(configuration):
    """A configuration written as JSON and read again is the same one: a run's hash relies on it."""
    made = configuration(**SHARED)
    assert {name: getattr(made, name) for name in SHARED} == SHARED
    assert configuration.model_validate_json(made.model_dump_json()) == made
    assert configuration.model_validate(made.model_dump(mode="json")) == made


def test_both_models_share_their_settings():
    """The settings of training exist in both with equal limits and defaults, save the epochs."""
    ffnn, cnn = (configuration.model_json_schema()["properties"] for configuration in CONFIGURATIONS.values())
    assert set(SHARED) | {"model", "architecture"} == set(cnn)
    assert set(SHARED) | {"model", "hidden_sizes", "activation", "initialization"} == set(ffnn)
    for name in set(SHARED) - {"epochs"}:
        assert ffnn[name] == cnn[name]


def test_the_baselines():
    """The published defaults: 15 epochs and 256-128 units from scratch, 10 epochs of LeNet-5, Adam at 0.001 on 128."""
    ffnn, cnn = FfnnConfiguration(), CnnConfiguration()
    assert (ffnn.epochs, ffnn.hidden_sizes, cnn.epochs, cnn.architecture) == (15, (256, 128), 10, "lenet5")
    for configuration in (ffnn, cnn):
        assert (configuration.optimizer, configuration.learning_rate, configuration.batch_size) == ("adam", 1e-3, 128)
        assert (configuration.l1, configuration.l2, configuration.weight_decay, configuration.dropout) == (0, 0, 0, 0)
        assert (configuration.schedule, configuration.normalization) == ("constant", "none")
        assert (configuration.label_smoothing, configuration.ema_decay) == (0, 0)
        assert (configuration.gradient_clip_norm, configuration.patience) == (None, None)


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values())
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", 101),
        ("learning_rate", "fast"),
        ("batch_size", 0),
        ("batch_size", 1.5),
        ("batch_size", 60_001),
        ("epochs", -1),
        ("epochs", None),
        ("schedule", "linear"),
        ("optimizer", "lion"),
        ("momentum", 1),
        ("momentum", -0.1),
        ("l1", -1e-9),
        ("l2", float("nan")),
        ("l2", 11),
        ("weight_decay", -0.1),
        ("gradient_clip_norm", 0),
        ("gradient_clip_norm", float("inf")),
        ("label_smoothing", 1),
        ("normalization", "layer"),
        ("ema_decay", 1),
        ("patience", 0),
        ("dropout", 1),
        ("dropout", -0.1),
        ("learning_rat", 0.1),
        ("model", "svm"),
    ],
)
def test_what_makes_no_sense_is_refused(configuration, name, value):
    """Out of range, of another kind, or misspelt: the error names the field."""
    with pytest.raises(ValidationError) as caught:
        configuration(**{name: value})
    assert [error["loc"][0] for error in caught.value.errors()] == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_sizes", (0,)),
        ("hidden_sizes", (16_385,)),
        ("hidden_sizes", (8,) * 33),
        ("hidden_sizes", 8),
        ("activation", "gelu"),
        ("initialization", "zeros"),
    ],
)
def test_what_no_fully_connected_network_can_be_is_refused(name, value):
    """Layer sizes, activation and initialisation have their limits too."""
    with pytest.raises(ValidationError) as caught:
        FfnnConfiguration(**{name: value})
    assert caught.value.errors()[0]["loc"][0] == name


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values())
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "rmsprop", "adam"])
def test_decoupled_decay_belongs_to_adamw(configuration, optimizer):
    """With any other optimiser weight_decay would be an L2 penalty under another name, or nothing: it is refused."""
    assert configuration(optimizer="adamw", weight_decay=0.1).weight_decay == 0.1
    with pytest.raises(ValidationError, match=f"no effect with optimizer '{optimizer}'"):
        configuration(optimizer=optimizer, weight_decay=0.1)
    with pytest.raises(ValidationError, match="'adamw' without weight_decay is 'adam'"):
        configuration(optimizer="adamw")


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values())
def test_batch_normalisation_needs_batches(configuration):
    """With one image a step there would never be a variance to learn from: it is refused."""
    assert configuration(normalization="batch", batch_size=2).normalization == "batch"
    with pytest.raises(ValidationError, match="no effect with a batch_size of 1"):
        configuration(normalization="batch", batch_size=1)


def test_a_configuration_does_not_change():
    """It is frozen: what a run was started with is what its result says."""
    with pytest.raises(ValidationError, match="frozen"):
        FfnnConfiguration().learning_rate = 1.0


@pytest.mark.parametrize("model", CONFIGURATIONS)
def test_every_setting_but_the_first_ones_has_a_neutral_value(model: str) -> None:
    """A setting without one would be part of every run's identity, and make finished runs foreign."""
    first = {"model", "learning_rate", "batch_size", "epochs", "optimizer"}
    first |= {"hidden_sizes", "activation", "initialization", "architecture"}
    assert CONFIGURATIONS[model].model_fields.keys() - first == neutral_settings(model).keys()


@pytest.mark.parametrize("model", CONFIGURATIONS)
def test_defining_settings_leave_out_what_is_neutral_and_lead_back(model: str) -> None:
    """A default configuration is defined by its first settings alone; one that differs also by what differs."""
    plain = CONFIGURATIONS[model]()
    changed = CONFIGURATIONS[model](l2=0.001, patience=3)
    assert not defining_settings(plain).keys() & neutral_settings(model).keys()
    assert defining_settings(changed) == defining_settings(plain) | {"l2": 0.001, "patience": 3}
    for configuration in (plain, changed):
        assert from_defining_settings(defining_settings(configuration)) == configuration
        assert from_defining_settings(configuration.model_dump(mode="json")) == configuration
