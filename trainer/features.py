"""The backbone runs once over the photos; logistic regression, or gradient descent, fits the head on what it saw."""

import warnings
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from sorter.metrics import Classes
from sorter.trainer.batches import Examples
from sorter.trainer.evaluation import predict_rows
from sorter.trainer.networks import FEATURES_NAME, HEAD_NAME

Features = npt.NDArray[np.float32]

_STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)
"""Inverse regularisation strengths that are tried, on standardised features."""

_MAX_ITERATIONS = 300


def extract_features(network: Any, examples: Examples) -> Features:
    """What the backbone sees in each example: float32 (n, features)."""
    backbone = keras.Model(network.input, network.get_layer(FEATURES_NAME).output)
    return predict_rows(backbone, examples.pixels, examples.rows)


def store_features(network: Any, examples: Examples) -> Examples:
    """The same examples, with what the backbone sees in place of the pictures."""
    features = extract_features(network, examples)
    return replace(examples, pixels=features, rows=np.arange(len(features)))


def fit_head(network: Any, train: tuple[Features, Classes], validation: tuple[Features, Classes]) -> float:
    """Sets the weights of the network's last layer by logistic regression; gives its validation accuracy.

    Classes count equally however many photos they have. Of a few strengths of regularisation the one with the
    best likelihood on the validation part is taken.

    Args:
        network: With a dense layer called ``HEAD_NAME`` on a layer called ``FEATURES_NAME``.
        train: Features (n, f) and classes (n,).
        validation: The same.
    """
    mean, deviation = train[0].mean(axis=0), train[0].std(axis=0) + 1e-3
    best = (np.inf, 0.0)
    for strength in _STRENGTHS:
        kernel, bias = _regress((train[0] - mean) / deviation, train[1], strength)
        kernel, bias = kernel / deviation[:, None], bias - (mean / deviation) @ kernel
        loss, accuracy = _score(validation[0] @ kernel + bias, validation[1])
        if loss < best[0]:
            best = (loss, accuracy)
            network.get_layer(HEAD_NAME).set_weights([kernel, bias])
    return best[1]


def _regress(features: Features, classes: Classes, strength: float) -> tuple[Features, Features]:
    """Kernel (f, classes) and bias (classes,) of one logistic regression."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=_MAX_ITERATIONS)
    with warnings.catch_warnings():
        # A start for the fine-tuning need not be the exact optimum.
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(features, classes)
    kernel, bias = regression.coef_.T, regression.intercept_
    if kernel.shape[1] == 1:
        # Of two classes, scikit-learn models the second only.
        kernel, bias = np.hstack([-kernel / 2, kernel / 2]), np.concatenate([-bias / 2, bias / 2])
    return kernel.astype(np.float32), bias.astype(np.float32)


def _score(logits: Features, classes: Classes) -> tuple[float, float]:
    """Mean negative log likelihood, and accuracy."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    likelihood = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -float(likelihood[np.arange(len(classes)), classes].mean())
    return loss, float((logits.argmax(axis=1) == classes).mean())
