"""Power normalisation: features raised to a power below 1, so that a few large ones do not count for most.

Averages of rectified feature maps are mostly small and sometimes large. Their roots are closer to what a linear model
suits. Source: Perronnin, Sánchez & Mensink, Improving the Fisher kernel for large-scale image classification (2010).
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def raised(features: Array, power: float) -> Array:
    """Numbers of any shape raised to a power, each with its sign: float32; with power 1 as they are.

    Args:
        features: float16 or float32.
        power: above 0; 0.5 takes square roots.
    """
    if power == 1:
        return features
    features = features.astype(np.float32, copy=False)
    return np.sign(features) * np.abs(features) ** np.float32(power)
