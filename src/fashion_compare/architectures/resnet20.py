"""ResNet-20, the residual network for small images: shortcuts around every two convolutions."""

from torch import Tensor, nn

from fashion_compare.architectures.architecture import Architecture

WIDTHS = (16, 32, 64)
BLOCKS = 3


class Block(nn.Module):
    """Two 3×3 convolutions and a shortcut around them; a 1×1 convolution on it where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))
        self.relu2 = nn.ReLU()

    def forward(self, values: Tensor) -> Tensor:
        """relu(x + f(x)): what the convolutions learn is a change of their input (eq. 1 and 2)."""
        residual = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(values)))))
        out: Tensor = self.relu2(residual + self.shortcut(values))
        return out


class ResNet20(nn.Module):
    """He et al. 2016, section 4.2 with n = 3, for one channel and 28×28 pixels.

    Three stages of three blocks, 16, 32 and 64 maps of 28×28, 14×14 and 7×7 places, then the mean over places and one
    dense layer; 272,186 parameters with ten classes. Shortcuts that change the shape are 1×1 convolutions (option B of
    the paper).
    """

    def __init__(
        self, classes: int = 10, *, dropout: float = 0.0, widths: tuple[int, ...] = WIDTHS, blocks: int = BLOCKS
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, widths[0], kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU()
        inputs = widths[0]
        for number, width in enumerate(widths, start=1):
            first = Block(inputs, width, stride=1 if number == 1 else 2)
            stage = [first, *(Block(width, width, stride=1) for _ in range(blocks - 1))]
            self.add_module(f"stage{number}", nn.Sequential(*stage))
            inputs = width
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of (n, 1, 28, 28) images: layer after layer, in the order above."""
        for layer in self.children():
            images = layer(images)
        return images


ARCHITECTURE = Architecture(
    label="ResNet-20",
    build=lambda classes, dropout, _: ResNet20(classes, dropout=dropout),
    target_layer=f"stage{len(WIDTHS)}.{BLOCKS - 1}.relu2",
    reference="He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016",
    always_batch_norm=True,
)
