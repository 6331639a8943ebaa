"""Cell types for cells that a generator made without being told a type."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from scgarage.preprocess import Components

__all__ = ["LabelClassifier"]


@dataclass(frozen=True)
class LabelClassifier:
    """Multinomial logistic regression on class-balanced principal components of real training cells.

    Attributes
    ----------
    components
        Class-balanced components, so that rare types can be told apart.
    coefficients
        Shape ``(n_types, n_components)``.
    intercepts
        Shape ``(n_types,)``.
    """

    components: Components
    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        log_expr: sparse.csr_matrix,
        labels: NDArray[np.int64],
        *,
        n_components: int = 50,
        random_state: int = 0,
    ) -> Self:
        """Fit on real training cells, log1p CP10k ``(n_cells, n_genes)``, with the number of each cell's type.

        Types keep their training frequencies as prior, so that probabilities are those of a cell drawn from such a
        tissue.
        """
        components = Components.fit(log_expr, n_components, labels=labels.astype(str), random_state=random_state)
        scores = components.transform(log_expr)
        # Axes differ in variance by orders of magnitude; the solver converges on standardised scores.
        spread = scores.std(axis=0) + 1e-6
        model = LogisticRegression(C=0.1, max_iter=2000).fit(scores / spread, labels)
        coefficients, intercepts = model.coef_ / spread, model.intercept_
        if len(coefficients) == 1:  # two types: scikit-learn keeps the second type's log-odds only
            coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
            intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
        # Memory order decides the last bit of a product; a loaded model must give the same bytes.
        return cls(components, np.ascontiguousarray(coefficients, dtype=np.float32), intercepts.astype(np.float32))

    def probabilities(self, log_expr: sparse.csr_matrix | NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of each type, shape ``(n_cells, n_types)``, rows adding up to one."""
        scores = self.components.transform(log_expr).astype(np.float64)
        return np.asarray(softmax(scores @ self.coefficients.T.astype(np.float64) + self.intercepts, axis=1))
