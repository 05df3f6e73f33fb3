"""What can be set about a model and its training: validated once, here, for study files and commands alike."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Configuration(BaseModel):
    """The settings that both models share, with the same meaning for both."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: Annotated[float, Field(gt=0, le=100, description="step size of the optimiser")] = 1e-3
    batch_size: Annotated[int, Field(ge=1, le=60_000, description="images per step")] = 128
    epochs: Annotated[int, Field(ge=0, le=10_000, description="passes over the training images")] = 10
    schedule: Annotated[
        Literal["constant", "step", "cosine", "one_cycle"],
        Field(description="how the learning rate moves over the training, from and to what schedules.py says"),
    ] = "constant"
    optimizer: Annotated[
        Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"],
        Field(description="how a gradient becomes a step"),
    ] = "adam"
    momentum: Annotated[float, Field(ge=0, lt=1, description="of the optimizers 'momentum' and 'nesterov'")] = 0.9
    l1: Annotated[float, Field(ge=0, le=10, description="L1 penalty, l1·Σ|w| over the weights")] = 0.0
    l2: Annotated[float, Field(ge=0, le=10, description="L2 penalty, l2·Σw² over the weights")] = 0.0
    weight_decay: Annotated[
        float, Field(ge=0, le=10, description="decoupled decay of the weights, of the optimizer 'adamw'")
    ] = 0.0
    gradient_clip_norm: Annotated[
        float | None, Field(gt=0, description="longest gradient that a step is made of; null for any")
    ] = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1, description="share of certainty not asked for")] = 0.0
    normalization: Annotated[Literal["none", "batch"], Field(description="of each hidden layer's sums")] = "none"
    ema_decay: Annotated[
        float, Field(ge=0, lt=1, description="predict with the weights' moving average over steps; 0 for the last ones")
    ] = 0.0
    patience: Annotated[
        int | None, Field(ge=1, description="stop after so many epochs without a better one; null for never")
    ] = None
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of hidden dense units dropped")] = 0.0

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
    epochs: Annotated[int, Field(ge=0, le=10_000, description="passes over the training images")] = 15
    hidden_sizes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=16_384)], ...],
        Field(max_length=32, description="units of each hidden layer"),
    ] = (256, 128)
    activation: Annotated[Literal["relu", "tanh", "sigmoid"], Field(description="of the hidden layers")] = "relu"
    initialization: Annotated[Literal["he", "glorot"], Field(description="of the weights")] = "he"


class CnnConfiguration(_Configuration):
    """The established convolutional network in PyTorch, initialised as PyTorch does by default."""

    model: Literal["cnn"] = "cnn"
    architecture: Annotated[Literal["lenet5"], Field(description="which established network")] = "lenet5"


Configuration = FfnnConfiguration | CnnConfiguration
CONFIGURATIONS: dict[str, type[FfnnConfiguration] | type[CnnConfiguration]] = {
    "ffnn": FfnnConfiguration,
    "cnn": CnnConfiguration,
}
MODEL_NAMES = {"ffnn": "fully connected network from scratch (NumPy)", "cnn": "LeNet-5 (PyTorch)"}
