"""What can be set about a model and its training: validated once, here, for study files and commands alike."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticKnownError

from fashion_compare.architectures import architecture_names, load_architecture


def _whole_number(value: Any) -> Any:
    if isinstance(value, str):
        raise PydanticKnownError("int_parsing")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, str):
        raise PydanticKnownError("float_parsing")
    return value


# Pydantic's numbers, but text is none of them: '010' and '1_0' mean something else to everyone.
Whole = Annotated[int, BeforeValidator(_whole_number)]
Number = Annotated[float, BeforeValidator(_number)]


_WITH_MOMENTUM = ("momentum", "nesterov")


@dataclass(frozen=True)
class Neutral:
    """The value that a setting was introduced with: a run from before it is the same run as one at that value.

    A new setting names it, so that finished runs stay finished; it never changes, whatever the default becomes.
    """

    value: float | str | None


class _Configuration(BaseModel):
    """The settings that both models share, with the same meaning for both."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: Annotated[Number, Field(gt=0, le=100, description="step size of the optimiser")] = 1e-3
    batch_size: Annotated[Whole, Field(ge=1, le=60_000, description="images per step")] = 128
    epochs: Annotated[Whole, Field(ge=0, le=10_000, description="passes over the training images")] = 10
    schedule: Annotated[
        Literal["constant", "step", "cosine", "one_cycle"],
        Field(description="how the learning rate moves over the training, from and to what schedules.py says"),
        Neutral("constant"),
    ] = "constant"
    optimizer: Annotated[
        Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"],
        Field(description="how a gradient becomes a step"),
    ] = "adam"
    momentum: Annotated[
        Number, Field(ge=0, lt=1, description="of the optimizers 'momentum' and 'nesterov'"), Neutral(0.9)
    ] = 0.9
    l1: Annotated[Number, Field(ge=0, le=10, description="L1 penalty, l1·Σ|w| over the weights"), Neutral(0.0)] = 0.0
    l2: Annotated[Number, Field(ge=0, le=10, description="L2 penalty, l2·Σw² over the weights"), Neutral(0.0)] = 0.0
    weight_decay: Annotated[
        Number,
        Field(ge=0, le=10, description="decoupled decay of the weights, of the optimizer 'adamw'"),
        Neutral(0.0),
    ] = 0.0
    gradient_clip_norm: Annotated[
        Number | None, Field(gt=0, description="longest gradient that a step is made of; null for any"), Neutral(None)
    ] = None
    label_smoothing: Annotated[
        Number, Field(ge=0, lt=1, description="share of certainty not asked for"), Neutral(0.0)
    ] = 0.0
    normalization: Annotated[
        Literal["none", "batch"], Field(description="of each hidden layer's sums"), Neutral("none")
    ] = "none"
    ema_decay: Annotated[
        Number,
        Field(ge=0, lt=1, description="predict with the weights' moving average over steps; 0 for the last ones"),
        Neutral(0.0),
    ] = 0.0
    patience: Annotated[
        Whole | None,
        Field(ge=1, description="stop after so many epochs without a better one; null for never"),
        Neutral(None),
    ] = None
    dropout: Annotated[Number, Field(ge=0, lt=1, description="share of hidden dense units dropped"), Neutral(0.0)] = 0.0

    @model_validator(mode="after")
    def _no_setting_without_effect(self) -> Self:
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"weight_decay has no effect with optimizer '{self.optimizer}'; expected 'adamw', or l2 instead"
            )
        if self.optimizer == "adamw" and not self.weight_decay:
            raise ValueError("optimizer 'adamw' without weight_decay is 'adam'; expected a weight_decay such as 0.01")
        if self.normalization == "batch" and self.batch_size == 1:
            raise ValueError("normalization 'batch' has no effect with a batch_size of 1; expected 2 or more")
        return self


class FfnnConfiguration(_Configuration):
    """The fully connected network from scratch."""

    model: Literal["ffnn"] = "ffnn"
    epochs: Annotated[Whole, Field(ge=0, le=10_000, description="passes over the training images")] = 15
    hidden_sizes: Annotated[
        tuple[Annotated[Whole, Field(ge=1, le=16_384)], ...],
        Field(max_length=32, description="units of each hidden layer"),
    ] = (256, 128)
    activation: Annotated[Literal["relu", "tanh", "sigmoid"], Field(description="of the hidden layers")] = "relu"
    initialization: Annotated[Literal["he", "glorot"], Field(description="of the weights")] = "he"


class CnnConfiguration(_Configuration):
    """The established convolutional network in PyTorch, initialised as PyTorch does by default."""

    model: Literal["cnn"] = "cnn"
    architecture: Annotated[
        str, Field(description="which established network: " + " or ".join(architecture_names()))
    ] = "lenet5"

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in architecture_names():
            shown = name if len(name) <= 60 else f"{name[:57]}..."
            raise ValueError(f"got '{shown}', expected one of {', '.join(architecture_names())}")
        return name

    @model_validator(mode="after")
    def _normalization_is_not_there_already(self) -> Self:
        if self.normalization == "batch" and load_architecture(self.architecture).always_batch_norm:
            raise ValueError(
                f"normalization 'batch' has no effect with architecture '{self.architecture}', which has it"
            )
        return self


Configuration = FfnnConfiguration | CnnConfiguration
CONFIGURATIONS: dict[str, type[FfnnConfiguration] | type[CnnConfiguration]] = {
    "ffnn": FfnnConfiguration,
    "cnn": CnnConfiguration,
}


@dataclass(frozen=True)
class _Condition:
    """When a setting does something: with which values of one other.

    Attributes:
        other: the setting that it depends on.
        holds: whether a value of its own has an effect with a value of the other.
        expected: of the other, for people.
        neutral: its own value that is meant to have no effect; None when there is none.
    """

    other: str
    holds: Callable[[Any, Any], bool]
    expected: str
    neutral: Any = None


_HIDDEN_LAYER = "at least one hidden layer"
# Weight decay without adamw is no valid configuration at all, above.
_CONDITIONS = {
    "momentum": _Condition(
        "optimizer", lambda _, other: other in _WITH_MOMENTUM, " or ".join(map(repr, _WITH_MOMENTUM))
    ),
    "activation": _Condition("hidden_sizes", lambda _, other: bool(other), _HIDDEN_LAYER),
    "dropout": _Condition("hidden_sizes", lambda own, other: bool(own and other), _HIDDEN_LAYER, 0),
    "normalization": _Condition(
        "hidden_sizes", lambda own, other: own == "batch" and bool(other), _HIDDEN_LAYER, "none"
    ),
    "patience": _Condition("epochs", lambda own, other: own is not None and own < other, "more epochs than its value"),
}


def no_effect(setting: str, values: Mapping[str, Collection[Any]]) -> str | None:
    """Return why a setting does nothing with any of the values that it and the others may have; None when it does.

    Args:
        setting: its name.
        values: every setting of the model → the values that it may have.
    """
    condition = _CONDITIONS.get(setting)
    if condition is None or condition.other not in values:
        return None
    own, others = values[setting], values[condition.other]
    if set(own) == {condition.neutral} or any(condition.holds(a, b) for a in own for b in others):
        return None
    shown = ", ".join(repr(list(value) if isinstance(value, tuple) else value) for value in others)
    return f"{setting} has no effect with {condition.other} {shown}; expected {condition.expected}"


# What other libraries and textbooks call these settings, and the fields of a study, as `errors.nearest` takes it.
ALIASES = {
    alias: field
    for field, aliases in {
        "learning_rate": "lr eta baselr initiallr initlr maxlr stepsize learningrate learningrateinit",
        "batch_size": "bs batch batchsize minibatch minibatchsize",
        "epochs": "epoch nepochs numepochs maxepochs maxiter",
        "schedule": "scheduler lrschedule lrscheduler learningrateschedule",
        "optimizer": "opt optim optimiser solver",
        "momentum": "mom",
        "l1": "l1reg l1penalty l1lambda lasso",
        "l2": "l2reg l2penalty l2lambda ridge reg regularization regularisation lambda penalty",
        "weight_decay": "wd decay weightdecay",
        "gradient_clip_norm": "clip clipnorm clipgradnorm gradclip gradientclip gradientclipping maxgradnorm",
        "label_smoothing": "ls smoothing labelsmooth labelsmoothing",
        "normalization": "norm bn batchnorm batchnormalization batchnormalisation normalisation",
        "ema_decay": "ema",
        "patience": "earlystop earlystopping",
        "dropout": "pdrop drop dropoutp dropoutrate dropoutprob droprate",
        "hidden_sizes": "hidden hiddensize hiddenlayers hiddenlayersizes hiddenunits hiddendims layers units neurons",
        "activation": "act activationfunction nonlinearity",
        "initialization": "init initialisation initialiser initializer weightinit kernelinitializer",
        "architecture": "arch net network backbone",
        "seeds": "seed nseeds numseeds repeats",
        "training_images": "ntrain trainsize trainimages trainingsize subset",
        "models": "model",
    }.items()
    for alias in aliases.split()
}


def neutral_settings(model: str) -> dict[str, Any]:
    """Return setting → neutral value, for the settings of a model that have one."""
    fields = CONFIGURATIONS[model].model_fields
    return {name: mark.value for name, field in fields.items() for mark in field.metadata if isinstance(mark, Neutral)}


def defining_settings(configuration: Configuration) -> dict[str, Any]:
    """Return the settings that define a run, JSON-ready: all but those at their neutral value."""
    neutral = neutral_settings(configuration.model)
    settings = configuration.model_dump(mode="json")
    return {name: value for name, value in settings.items() if name not in neutral or value != neutral[name]}


def from_defining_settings(settings: dict[str, Any]) -> Configuration:
    """Return the configuration that `defining_settings` described, in whichever version.

    Raises:
        KeyError: it names no model.
        pydantic.ValidationError: a setting is not one of this version's.
    """
    model = settings["model"]
    return CONFIGURATIONS[model].model_validate(neutral_settings(model) | settings)


MODEL_NAMES = {"ffnn": "fully connected network from scratch (NumPy)", "cnn": "established CNN (PyTorch)"}
