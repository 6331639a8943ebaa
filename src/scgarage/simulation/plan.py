"""What shall be true of simulated cells: a plan in dataclasses, and its YAML."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, get_args

import numpy as np
import yaml  # type: ignore[import-untyped]

from scgarage.errors import InputError, listed, reading

Population = Literal["as-fitted", "homogeneous"]
Distribution = Literal["fixed", "normal", "gamma"]


def _refuse(name: str, found: object, allowed: str) -> NoReturn:
    msg = f"plan: {name} is {found!r}; allowed: {allowed}"
    raise InputError(msg)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _check_range(section: str, allowed: Mapping[str, tuple[float, float]], part: object) -> None:
    """Refuse numbers of a part outside of their closed ranges."""
    for name, (low, high) in allowed.items():
        value = getattr(part, name)
        if not _is_number(value) or not low <= value <= high:
            words = f"a number of at least {low:g}" if high == np.inf else f"a number from {low:g} to {high:g}"
            _refuse(f"{section}.{name}", value, words)


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        _refuse(name, value, listed(choices))


def _check_shares(name: str, shares: object, *, total: bool = True) -> None:
    """Refuse what is no table of shares that add up to one."""
    if not isinstance(shares, Mapping) or not shares:
        _refuse(name, shares, "a share for each name, such as {a: 0.4, b: 0.6}")
    for key, share in shares.items():
        if not _is_number(share) or not 0 <= share <= 1:
            _refuse(f"{name}.{key}", share, "a share from 0 to 1")
    if total and abs(sum(shares.values()) - 1) > 1e-6:
        _refuse(name, dict(shares), f"shares that add up to 1; these add up to {sum(shares.values()):g}")


@dataclass(frozen=True)
class CellsPlan:
    """Which cells.

    Attributes
    ----------
    n
        Number of cells.
    types
        Share of each type; by default those of the training cells.
    batch
        Batch that all are made in; by default those in which types were seen.
    population
        ``"homogeneous"`` makes every type one Gaussian cloud, without groups in it: the null of clustering.
    """

    n: int = 1000
    types: Mapping[str, float] | None = None
    batch: str | None = None
    population: Population = "as-fitted"

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < 1:
            _refuse("cells.n", self.n, "a whole number of at least 1")
        if self.types is not None:
            _check_shares("cells.types", self.types)
        _check_choice("cells.population", self.population, get_args(Population))


@dataclass(frozen=True)
class GroupsPlan:
    """Groups of cells, such as control and treated, and their donors; the first group is what others differ from.

    Attributes
    ----------
    names
        Names of the groups.
    shares
        Share of the cells of each; as many of each by default.
    donors
        Donors in each group; 0 for none.
    donor_sd
        Standard deviation of a gene's natural log mean between donors, or ``"real"`` for that between the batches that
        the model was fitted on.
    donor_shared
        Share of that variance that all types of a donor have in common.
    """

    names: tuple[str, ...] = ("control", "treated")
    shares: Mapping[str, float] | None = None
    donors: int = 0
    donor_sd: float | Literal["real"] = 0.0
    donor_shared: float = 0.5

    def __post_init__(self) -> None:
        names: Any = self.names
        if (
            not isinstance(names, list | tuple)
            or not all(isinstance(n, str) for n in names)
            or not len(set(names)) == len(names) > 0
        ):
            _refuse("groups.names", names, "different names, at least one")
        object.__setattr__(self, "names", tuple(names))
        if self.shares is not None:
            _check_shares("groups.shares", self.shares)
            if set(self.shares) != set(self.names):
                _refuse("groups.shares", dict(self.shares), f"a share for each of {listed(self.names)}")
        if not isinstance(self.donors, int) or isinstance(self.donors, bool) or self.donors < 0:
            _refuse("groups.donors", self.donors, "a whole number of at least 0")
        if self.donor_sd != "real" and (not _is_number(self.donor_sd) or not 0 <= float(self.donor_sd) <= 3):
            _refuse("groups.donor_sd", self.donor_sd, "'real' or a number from 0 to 3")
        if self.donor_sd and not self.donors:
            _refuse("groups.donors", self.donors, "at least 1, since groups.donor_sd is set")
        _check_range("groups", {"donor_shared": (0, 1)}, self)


@dataclass(frozen=True)
class EffectPlan:
    """Genes whose mean differs in one group; all other genes stay exactly the same.

    Attributes
    ----------
    group
        Group in which they differ from the first one.
    genes
        Names of the genes, or the share of all genes, which are then drawn.
    log2_fold_change
        Planted size: a number, one for each gene named, or the mean of a distribution.
    distribution, sd
        ``"fixed"``; ``"normal"`` with this standard deviation; ``"gamma"`` for sizes above zero.
    up
        Share of the genes that rise, the others fall; ``None`` leaves the signs as they were given.
    types
        Types in which they differ; all by default.
    min_mean
        Mean count that drawn genes have at least, in the types of the effect and before anything is planted.
    """

    group: str
    genes: float | tuple[str, ...] = 0.1
    log2_fold_change: float | tuple[float, ...] = 1.0
    distribution: Distribution = "fixed"
    sd: float = 0.0
    up: float | None = None
    types: tuple[str, ...] | None = None
    min_mean: float = 0.0

    def __post_init__(self) -> None:
        for name in ("genes", "log2_fold_change", "types"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        kinds: Any = self.types
        if kinds is not None and not isinstance(kinds, tuple):
            _refuse("effects.types", kinds, "a list of types")
        if isinstance(self.genes, tuple):
            if not self.genes or not all(isinstance(gene, str) for gene in self.genes):
                _refuse("effects.genes", self.genes, "a share from 0 to 1 or names of genes")
        else:
            _check_range("effects", {"genes": (0, 1)}, self)
        sizes = self.log2_fold_change if isinstance(self.log2_fold_change, tuple) else (self.log2_fold_change,)
        for size in sizes:
            if not _is_number(size) or not -10 <= size <= 10:
                _refuse("effects.log2_fold_change", size, "a number from -10 to 10, or a list of them")
        if isinstance(self.log2_fold_change, tuple) and (
            not isinstance(self.genes, tuple) or len(self.genes) != len(sizes) or self.distribution != "fixed"
        ):
            n_genes = len(self.genes) if isinstance(self.genes, tuple) else "no"
            words = f"one number, or one for each of the genes named; effects.genes names {n_genes}"
            _refuse("effects.log2_fold_change", list(sizes), words)
        _check_choice("effects.distribution", self.distribution, get_args(Distribution))
        _check_range("effects", {"sd": (0, 10), "min_mean": (0, np.inf)}, self)
        if self.distribution == "gamma" and not (sizes[0] > 0 and self.sd > 0):
            _refuse("effects.log2_fold_change", sizes[0], "above 0 with effects.sd above 0, for a gamma distribution")
        if self.up is not None:
            _check_range("effects", {"up": (0, 1)}, self)


@dataclass(frozen=True)
class CompositionPlan:
    """Shares of types in one group, where they differ from ``cells.types``.

    Attributes
    ----------
    group
        Group that they hold for.
    shares
        Share of some types; the others divide what is left as before.
    """

    group: str
    shares: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_shares("composition.shares", self.shares, total=False)
        if sum(self.shares.values()) > 1 + 1e-9:
            _refuse("composition.shares", dict(self.shares), "shares that add up to 1 at most")


@dataclass(frozen=True)
class BatchesPlan:
    """Effects of the batches that the model was fitted on, weaker or stronger.

    Attributes
    ----------
    strength
        Multiple of each batch's log effect on the mean of every gene in every type: 0 for none, 1 as fitted.
    confounding
        Chance that a cell's group is the one of its batch (batches take groups in turn) and not a random one: 1 for
        batches that each hold one group only.
    """

    strength: float = 1.0
    confounding: float = 0.0

    def __post_init__(self) -> None:
        _check_range("batches", {"strength": (0, 10), "confounding": (0, 1)}, self)


@dataclass(frozen=True)
class TrajectoryPlan:
    """Cells on their way from one type to another.

    Attributes
    ----------
    paths
        Pairs of types, such as ``[[a, b], [b, c]]`` for a line, ``[[a, b], [a, c]]`` for a branching, and ``[[a, b],
        [b, c], [c, a]]`` for a circle. The cells of a path's first type are spread evenly over the paths that leave it.
    """

    paths: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        paths: Any = self.paths
        if not isinstance(paths, list | tuple) or not paths:
            _refuse("trajectory.paths", paths, "a list of pairs of types, such as [[a, b], [b, c]]")
        for path in paths:
            if not isinstance(path, list | tuple) or len(path) != 2 or path[0] == path[1]:
                _refuse("trajectory.paths", path, "a pair of two different types, such as [a, b]")
        made = tuple((str(start), str(end)) for start, end in paths)
        if len(set(made)) < len(made):
            _refuse("trajectory.paths", [list(path) for path in made], "every pair once")
        object.__setattr__(self, "paths", made)


@dataclass(frozen=True)
class CorrelationsPlan:
    """Genes that go together less, or more, than they were fitted.

    Attributes
    ----------
    genes
        Names of the genes, or ``"all"``.
    strength
        What their loadings are multiplied by: 0 makes them independent of all others given type and library size.
    """

    genes: Literal["all"] | tuple[str, ...] = "all"
    strength: float = 0.0

    def __post_init__(self) -> None:
        genes: Any = self.genes
        if isinstance(genes, list | tuple):
            object.__setattr__(self, "genes", tuple(genes))
        elif genes != "all":
            _refuse("correlations.genes", genes, "'all' or names of genes")
        _check_range("correlations", {"strength": (0, 100)}, self)


@dataclass(frozen=True)
class MeasurementPlan:
    """How cells are measured.

    Attributes
    ----------
    depth
        Sequencing depth, as a multiple of that of the training cells.
    capture, capture_sd
        Share of a cell's molecules that is caught, and the standard deviation of its natural log between cells.
    dropout, dropout_slope
        Share of the counts above zero that are lost, and how much faster rare genes lose them: the slope of the logit
        against the log mean; 0 for all genes alike.
    ambient, ambient_sd
        Mean share of a cell's counts that are ambient RNA, and its standard deviation between cells (Beta).
    doublets
        Share of the droplets that hold two cells.
    heterotypic
        Share of the doublets whose cells are of two types; ``None`` leaves it to chance.
    swaps
        Share of a cell's counts that go to a cell of another donor, or batch.
    expected
        Whether to keep the noiseless expectation, dense, in ``layers["expected"]``.
    """

    depth: float = 1.0
    capture: float = 1.0
    capture_sd: float = 0.0
    dropout: float = 0.0
    dropout_slope: float = 1.0
    ambient: float = 0.0
    ambient_sd: float = 0.0
    doublets: float = 0.0
    heterotypic: float | None = None
    swaps: float = 0.0
    expected: bool = False

    def __post_init__(self) -> None:
        allowed = {
            "depth": (1e-3, 1e3), "capture": (1e-3, 1), "capture_sd": (0, 3), "dropout": (0, 0.99),
            "dropout_slope": (0, 10), "ambient": (0, 0.9), "ambient_sd": (0, 0.5), "doublets": (0, 0.9),
            "swaps": (0, 0.9),
        }  # fmt: skip
        _check_range("measurement", allowed, self)
        if self.ambient_sd and self.ambient_sd**2 >= self.ambient * (1 - self.ambient):
            _refuse("measurement.ambient_sd", self.ambient_sd, "below sqrt(ambient * (1 - ambient))")
        if self.heterotypic is not None:
            _check_range("measurement", {"heterotypic": (0, 1)}, self)
        if not isinstance(self.expected, bool):
            _refuse("measurement.expected", self.expected, "true or false")


PARTS: dict[str, type[Any]] = {
    "cells": CellsPlan,
    "groups": GroupsPlan,
    "effects": EffectPlan,
    "composition": CompositionPlan,
    "batches": BatchesPlan,
    "trajectory": TrajectoryPlan,
    "correlations": CorrelationsPlan,
    "measurement": MeasurementPlan,
}
"""Sections of a plan; of effects and compositions there may be several."""

LISTS = ("effects", "composition")


@dataclass(frozen=True)
class Plan:
    """What shall be true of simulated cells; what it does not name is as the model fitted it.

    Attributes
    ----------
    cells
        Which cells.
    groups
        Groups of cells and their donors.
    effects
        Genes that differ between groups.
    composition
        Shares of types that differ between groups.
    concentration
        Precision of the Dirichlet distribution from which each donor's shares of types come, around those of its
        group; ``None`` for no variation between donors.
    batches
        Effects of the batches that the model was fitted on, weaker or stronger.
    trajectory
        Cells on their way from one type to another.
    correlations
        Genes that go together less, or more.
    measurement
        How cells are measured.

    Examples
    --------
    >>> Plan.of({"cells": {"n": 100}, "effects": [{"group": "treated", "genes": 0.05}], "groups": {}}).effects[0].genes
    0.05
    """

    cells: CellsPlan = field(default_factory=CellsPlan)
    groups: GroupsPlan | None = None
    effects: tuple[EffectPlan, ...] = ()
    composition: tuple[CompositionPlan, ...] = ()
    concentration: float | None = None
    batches: BatchesPlan | None = None
    trajectory: TrajectoryPlan | None = None
    correlations: CorrelationsPlan | None = None
    measurement: MeasurementPlan = field(default_factory=MeasurementPlan)

    def __post_init__(self) -> None:
        for name in LISTS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
            for part in getattr(self, name):
                if self.groups is None:
                    _refuse("groups", None, f"a section with names, since {name} names the group {part.group!r}")
                elif part.group not in self.groups.names:
                    _refuse(f"{name}.group", part.group, f"one of groups.names, {listed(self.groups.names)}")
                elif name == "effects" and part.group == self.groups.names[0]:
                    _refuse("effects.group", part.group, "another than the first group, which others differ from")
        if self.batches is not None and self.batches.confounding:
            if self.groups is None:
                _refuse("groups", None, "a section with names, since batches.confounding ties groups to batches")
            if self.composition or self.concentration is not None:
                _refuse(
                    "batches.confounding", self.batches.confounding, "0, since composition says which cells go where"
                )
        if self.concentration is not None:
            if self.groups is None or not self.groups.donors:
                _refuse("groups.donors", 0, "at least 1, since concentration varies the shares of types between donors")
            if not _is_number(self.concentration) or self.concentration <= 0:
                _refuse("concentration", self.concentration, "a number above 0")

    @classmethod
    def of(cls, content: "Plan | Mapping[str, Any] | str | Path") -> Self:
        """Return a plan from its dictionary or YAML file.

        Raises
        ------
        InputError
            For a section or field that is unknown, or a value that is not allowed; the message names it.
        """
        if isinstance(content, cls):
            return content
        if isinstance(content, str | Path):
            with reading(Path(content), "a plan in YAML"):
                content = yaml.safe_load(Path(content).read_text(encoding="utf-8"))
        if not isinstance(content, Mapping):
            names = ", ".join(item.name for item in fields(cls))
            msg = f"plan: found {type(content).__name__}; expected sections: {names}"
            raise InputError(msg)
        _check_names("", content, cls)
        made: dict[str, Any] = {}
        for name, value in content.items():
            if name not in PARTS:
                made[name] = value
            elif name in LISTS:
                entries = [value] if isinstance(value, Mapping) else value
                if not isinstance(entries, list | tuple):
                    _refuse(name, value, "a list of sections")
                made[name] = tuple(_part(name, entry) for entry in entries)
            else:
                made[name] = (
                    None
                    if value is None and name in ("groups", "batches", "trajectory", "correlations")
                    else _part(name, value)
                )
        return cls(**made)

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Return the plan that :meth:`to_yaml` wrote."""
        return cls.of(yaml.safe_load(text))

    def as_dict(self) -> dict[str, Any]:
        """Return what :meth:`of` reads."""
        return {name: value for name, value in _plain(asdict(self)).items() if value not in (None, [])}

    def to_yaml(self) -> str:
        """Return the plan as YAML."""
        text: str = yaml.safe_dump(self.as_dict(), sort_keys=False)
        return text


def _part(name: str, value: object) -> Any:
    kind = PARTS[name]
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        _refuse(name, value, f"a section with {', '.join(item.name for item in fields(kind))}")
    _check_names(f"{name}.", value, kind)
    if "group" in (item.name for item in fields(kind)) and "group" not in value:
        _refuse(f"{name}.group", None, "the name of a group")
    return kind(**value)


def _check_names(where: str, content: Mapping[str, Any], kind: type[Any]) -> None:
    known = [item.name for item in fields(kind)]
    unknown = [str(name) for name in content if name not in known]
    if unknown:
        msg = f"plan: {where}{unknown[0]} is no field; allowed: {', '.join(where + name for name in known)}"
        raise InputError(msg)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
