"""LeNet-5, the architecture that convolutional networks for small grey images are measured against."""

from torch import Tensor, nn

from fashion_compare.architectures.architecture import Architecture


class LeNet5(nn.Module):
    """LeCun et al. 1998, figure 2, as it is built today: ReLU and max-pooling, a full second convolution.

    61,706 parameters and 416,520 multiply-accumulates an image with ten classes; (n, 1, 28, 28) → (n, classes) logits.
    The padding of 2 gives the 28×28 images the 32×32 field of the original. With `batch_norm` each hidden layer's sums
    are normalised over the batch before its activation (Ioffe and Szegedy 2015).
    """

    def __init__(self, classes: int = 10, *, dropout: float = 0.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
        self.norm1 = nn.BatchNorm2d(6) if batch_norm else nn.Identity()
        # Pooling first: max and ReLU commute, and ReLU then has a quarter of the values to look at.
        self.pool1 = nn.MaxPool2d(2)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.norm2 = nn.BatchNorm2d(16) if batch_norm else nn.Identity()
        # ReLU first here: Grad-CAM looks at the rectified maps in full resolution, and needs them unchanged.
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.dense1 = nn.Linear(400, 120)
        self.norm3 = nn.BatchNorm1d(120) if batch_norm else nn.Identity()
        self.relu3 = nn.ReLU(inplace=True)
        self.dropout1 = nn.Dropout(dropout)
        self.dense2 = nn.Linear(120, 84)
        self.norm4 = nn.BatchNorm1d(84) if batch_norm else nn.Identity()
        self.relu4 = nn.ReLU(inplace=True)
        self.dropout2 = nn.Dropout(dropout)
        self.dense3 = nn.Linear(84, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the images: layer after layer, in the order above."""
        for layer in self.children():
            images = layer(images)
        return images


ARCHITECTURE = Architecture(
    label="LeNet-5",
    build=lambda classes, dropout, batch_norm: LeNet5(classes, dropout=dropout, batch_norm=batch_norm),
    target_layer="relu2",
    reference="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998",
)
