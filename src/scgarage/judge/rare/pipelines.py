"""Classifiers on features of their own: training set and test cells in, probabilities of types out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from scgarage.judge.rare.augmenters import TrainingSet

N_PCS = 30
N_NEIGHBORS = 15
SHRINKAGE = 0.3

Probabilities: TypeAlias = NDArray[np.float64]
"""(n_test, n_types), rows add up to 1; a type without training cells has probability 0."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What is the same for all comparators of a split."""

    inverse_penalty: float = 1.0  # c of the logistic regression, chosen on real training cells
    n_trees: int = 80  # trees of the forests
    random_state: int = 0  # seed of the forests


Pipeline: TypeAlias = Callable[[TrainingSet, NDArray[np.float32], Tuning], Probabilities]


def logistic(train: TrainingSet, test: NDArray[np.float32], tuning: Tuning) -> Probabilities:
    """Logistic regression on 30 standardised principal components."""
    scaler = StandardScaler().fit(_pcs(train, train.log_expr))
    classifier = LogisticRegression(
        C=tuning.inverse_penalty,
        max_iter=2000,
        tol=1e-3,
        class_weight="balanced" if train.balanced_classifier else None,
    ).fit(scaler.transform(_pcs(train, train.log_expr)), train.codes)
    return _spread(train, classifier.classes_, classifier.predict_proba(scaler.transform(_pcs(train, test))))


def forest_on_pcs(train: TrainingSet, test: NDArray[np.float32], tuning: Tuning) -> Probabilities:
    """Random forest on 30 principal components."""
    return _forest(train, _pcs(train, train.log_expr), _pcs(train, test), tuning)


def forest_on_genes(train: TrainingSet, test: NDArray[np.float32], tuning: Tuning) -> Probabilities:
    """Random forest on the selected genes."""
    return _forest(train, train.log_expr, test, tuning)


def knn(train: TrainingSet, test: NDArray[np.float32], tuning: Tuning) -> Probabilities:  # noqa: ARG001
    r"""Vote of the 15 nearest training cells on 30 principal components, weighted by inverse distance.

    .. math:: p_t \propto \sum_{i \in N_{15}} \frac{w_i}{d_i} \, [type(i) = t]

    With class weights :math:`w_i = 1 / n_{type(i)}`, otherwise 1.
    """
    n_neighbors = min(N_NEIGHBORS, len(train.codes))
    index = NearestNeighbors(n_neighbors=n_neighbors).fit(_pcs(train, train.log_expr))
    distance, neighbour = index.kneighbors(_pcs(train, test))
    codes = train.codes[neighbour]
    votes = 1.0 / np.maximum(distance, np.finfo(np.float32).eps)
    if train.balanced_classifier:
        votes /= np.bincount(train.codes, minlength=train.n_types)[codes]
    rows = np.repeat(np.arange(len(test)), n_neighbors)
    shape = (len(test), train.n_types)
    totals = sparse.coo_matrix((votes.ravel(), (rows, codes.ravel())), shape=shape).toarray()
    return np.asarray(totals / totals.sum(axis=1, keepdims=True), dtype=np.float64)


def shrunk_lda(train: TrainingSet, test: NDArray[np.float32], tuning: Tuning) -> Probabilities:  # noqa: ARG001
    r"""Linear discriminants on 100 principal components, within-type covariance shrunk by 0.3.

    .. math:: \Sigma = \sum_t \pi_t \left(0.7 \, S_t + 0.3 \, \tfrac{\mathrm{tr} S_t}{d} I\right)

    :math:`S_t` is the covariance of type :math:`t` and :math:`\pi_t` its share of the training set, which is its prior
    too. There are no class weights: with them only the components are balanced.
    """
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
    classifier.fit(train.components.transform(train.log_expr), train.codes)
    return _spread(train, classifier.classes_, classifier.predict_proba(train.components.transform(test)))


def _forest(
    train: TrainingSet, points: NDArray[np.float32], test: NDArray[np.float32], tuning: Tuning
) -> Probabilities:
    classifier = RandomForestClassifier(
        n_estimators=tuning.n_trees,
        class_weight="balanced_subsample" if train.balanced_classifier else None,
        random_state=tuning.random_state,
        n_jobs=1,
    ).fit(points, train.codes)
    return _spread(train, classifier.classes_, classifier.predict_proba(test))


def _pcs(train: TrainingSet, log_expr: NDArray[np.float32]) -> NDArray[np.float32]:
    return train.components.transform(log_expr)[:, :N_PCS]


def _spread(train: TrainingSet, codes: NDArray[np.intp], probabilities: Probabilities) -> Probabilities:
    """Give types without training cells a column of zeros."""
    columns = np.zeros((len(probabilities), train.n_types))
    columns[:, codes] = probabilities
    return columns


PIPELINES: dict[str, Pipeline] = {
    "logistic": logistic,
    "forest": forest_on_pcs,
    "knn": knn,
    "shrunk-lda": shrunk_lda,
    "genes-forest": forest_on_genes,
}
"""Pipelines by name, in the order of tables."""


INVERSE_PENALTIES = (0.02, 1.0)
"""Values of ``C`` to choose from: a strong and a weak penalty."""

N_FOLDS = 3
SMALLEST_PROBABILITY = 1e-6


def choose_inverse_penalty(train: TrainingSet, *, random_state: int) -> float:
    r"""Choose ``C`` by three-fold cross-validation on the real training cells.

    The value with the smaller class-balanced log loss is taken,

    .. math:: -\frac{1}{T} \sum_t \frac{1}{n_t} \sum_{i: type(i) = t} \log p_{it}

    and used for every comparator and generator of the split. No test cell and no synthetic cell takes part. A
    choice for each of them would have to fit each generator three times more, and a choice on the test cells
    would favour whatever is tried most often.
    """
    folds = _folds(train.codes, random_state)
    weights = 1.0 / np.bincount(train.codes)[train.codes]
    losses = []
    for value in INVERSE_PENALTIES:
        loss = 0.0
        for fold in range(N_FOLDS):
            inside, outside = folds != fold, folds == fold
            part = TrainingSet(train.log_expr[inside], train.codes[inside], train.n_types)
            probabilities = logistic(part, train.log_expr[outside], Tuning(inverse_penalty=value))
            own = probabilities[np.arange(outside.sum()), train.codes[outside]]
            loss -= float(weights[outside] @ np.log(np.maximum(own, SMALLEST_PROBABILITY)))
        losses.append(loss)
    return INVERSE_PENALTIES[int(np.argmin(losses))]


def _folds(codes: NDArray[np.intp], random_state: int) -> NDArray[np.intp]:
    """Deal the cells of each type out to the folds; scikit-learn's stratified folds refuse types of one cell."""
    order = np.lexsort((np.random.default_rng(random_state).random(len(codes)), codes))
    folds = np.empty(len(codes), dtype=np.intp)
    folds[order] = np.arange(len(codes)) % N_FOLDS
    return folds
