"""What is measured of a block: sums on the device, gradients, parameters, statistics of a step."""
