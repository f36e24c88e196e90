"""`python -m resnet_probe`: what the package does outside a training."""

import sys

from resnet_probe.delivery.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
