"""A GAN for DNA and protein sequences."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv1d, one_hot
from torch.optim import Adam

from scgarage.errors import InputError
from scgarage.losses import GradientPenalty, Wasserstein, sliced_wasserstein
from scgarage.models import persistence
from scgarage.models.base import FitOptions, config_from_values, config_values, make_config, train_networks
from scgarage.nn import TemperatureSchedule
from scgarage.sequences.fasta import find_alphabet
from scgarage.sequences.networks import SequenceGenerator, make_critic
from scgarage.sequences.windows import Windows
from scgarage.training import Batch, Losses, Phase, seeded


@dataclass(frozen=True)
class SequenceGanConfig:
    """Settings of :class:`~scgarage.sequences.SequenceGan`; *ours* where no other source is named.

    Attributes
    ----------
    n_latent
        Dimensions of the noise.
    n_channels, kernel_size
        Width of the convolutions, and letters that one sees: about a motif.
    generator_blocks, critic_blocks
        Residual blocks (Gulrajani et al.: 5 of 512 channels for text of 32 letters; ours suit a CPU).
    n_features
        Width of the critic's last layer.
    penalty_weight
        Weight of the gradient penalty (Gulrajani et al.: 10).
    straight_through
        Whether the critic sees exact one-hot letters of generated sequences, or relaxed ones.
    first_temperature, last_temperature
        Temperature of the Gumbel-softmax, which falls exponentially over the iterations.
    n_iterations, batch_size, n_critic_steps
        Largest number of iterations, sequences per batch, critic steps in an iteration (Gulrajani et al.: 5).
    learning_rate, adam_betas
        Adam (Gulrajani et al.: 1e-4, 0.5 and 0.9).
    validate_every, patience, ema_decay
        Iterations between two validation scores; scores without improvement before training stops; decay of the moving
        average of the generator's weights.
    random_state
        Seed.
    """

    n_latent: int = 64
    n_channels: int = 64
    kernel_size: int = 9
    generator_blocks: int = 1
    critic_blocks: int = 0
    n_features: int = 128
    penalty_weight: float = 10.0
    straight_through: bool = True
    first_temperature: float = 1.0
    last_temperature: float = 0.5
    n_iterations: int = 2000
    batch_size: int = 64
    n_critic_steps: int = 3
    learning_rate: float = 1e-3
    adam_betas: tuple[float, float] = (0.5, 0.9)
    validate_every: int = 100
    patience: int | None = 10
    ema_decay: float | None = 0.99
    random_state: int = 0

    def __post_init__(self) -> None:
        for name in ("n_latent", "n_channels", "n_features", "n_critic_steps", "n_iterations", "batch_size"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1; found {getattr(self, name)}"
                raise InputError(msg)
        if min(self.generator_blocks, self.critic_blocks) < 0 or self.kernel_size % 2 == 0 or self.kernel_size < 1:
            msg = (
                f"generator_blocks={self.generator_blocks}, critic_blocks={self.critic_blocks}, "
                f"kernel_size={self.kernel_size}; expected blocks >= 0 and an odd kernel_size >= 1"
            )
            raise InputError(msg)
        if self.penalty_weight <= 0 or not self.first_temperature >= self.last_temperature > 0:
            msg = (
                f"penalty_weight={self.penalty_weight}, temperatures {self.first_temperature} to "
                f"{self.last_temperature}; expected a weight above 0 and temperatures that fall and stay above 0"
            )
            raise InputError(msg)


def requested_classes(
    spec: int | Mapping[str, int], class_counts: Mapping[str, int], *, random_state: int
) -> NDArray[np.int64]:
    """Return the class number of each sequence, int64 (n_sequences,); all 0 without classes."""
    classes = list(class_counts)
    if isinstance(spec, int) and spec > 0:
        if not classes:
            return np.zeros(spec, dtype=np.int64)
        seen = np.array(list(class_counts.values()))
        drawn = np.random.default_rng(random_state).multinomial(spec, seen / seen.sum())
        return np.repeat(np.arange(len(classes)), drawn)
    counts = {} if isinstance(spec, int) else dict(spec)
    unknown = sorted(set(counts) - set(classes))
    if not counts or unknown or min(counts.values()) < 0 or not sum(counts.values()):
        msg = (
            f"cannot make {spec!r} sequences; expected a number above 0, or numbers for classes among "
            f"{classes or 'none: the model was fitted without classes'}"
        )
        raise InputError(msg)
    return np.repeat([classes.index(label) for label in counts], list(counts.values()))


N_FILTERS, WIDTH = 128, 6
N_COPIES = 4


def random_features(sequences: Tensor, *, random_state: int = 0) -> Tensor:
    r"""Return how well random filters fit a sequence, at its best place and on average.

    .. math:: \max_i \langle w_f, x_{i:i+w} \rangle, \qquad \mathrm{mean}_i\, \max(0, \langle w_f, x_{i:i+w} \rangle)

    The judge counts words and looks for motifs; what a model is tuned on is never what it is judged by.
    """
    width = min(WIDTH, sequences.shape[1])
    generator = torch.Generator().manual_seed(random_state)
    filters = torch.randn((N_FILTERS, sequences.shape[2], width), generator=generator) / width**0.5
    fits = conv1d(sequences.transpose(1, 2), filters.to(sequences))
    return torch.cat([fits.amax(dim=2), fits.relu().mean(dim=2)], dim=1)


def validator(generator: nn.Module, codes: Tensor, classes: Tensor, *, n_letters: int) -> Callable[[], float]:
    """Return a function for the distance of generated to validation sequences, mean over classes."""
    n_classes = int(classes.max()) + 1
    real = random_features(one_hot(codes, n_letters).float())

    def score() -> float:
        repeated = classes.repeat(N_COPIES)
        device = next(generator.parameters()).device
        made = random_features(generator(repeated.to(device)).cpu())
        noise = torch.Generator().manual_seed(0)
        distances = [
            sliced_wasserstein(made[repeated == label], real[classes == label], generator=noise)
            for label in range(n_classes)
            if (classes == label).any()
        ]
        return float(torch.stack(distances).mean())

    return score


CODES, CLASS = "codes", "class"
"""Columns of the batches: letters, int64 ``(n, n_positions)``, and class numbers, int64 ``(n,)``."""


@dataclass(frozen=True)
class Adversary:
    """Generator and critic, and how they take turns."""

    generator: SequenceGenerator  # the networks
    critic: nn.Module
    config: SequenceGanConfig  # settings
    n_letters: int  # letters of the alphabet
    conditional: bool  # whether the critic is told the class

    def phases(self) -> list[Phase]:
        """Critic steps, then one generator step, after which the temperature falls."""
        c = self.config
        schedule = TemperatureSchedule(c.first_temperature, c.last_temperature, n_steps=c.n_iterations)
        optimizers = [
            Adam(network.parameters(), lr=c.learning_rate, betas=c.adam_betas)
            for network in (self.critic, self.generator)
        ]
        return [
            Phase("critic", self.critic, optimizers[0], self._critic_losses, n_steps=c.n_critic_steps),
            Phase(
                "generator",
                self.generator,
                optimizers[1],
                self._generator_losses,
                after_step=lambda _: self.generator.anneal(schedule),
            ),
        ]

    def _scores(self, critic: nn.Module, sequences: Tensor, batch: Batch) -> Tensor:
        """Return the critic's outputs for sequences that belong to the batch, once or several times over."""
        if not self.conditional:
            return cast("Tensor", critic(sequences))
        classes = batch[CLASS].repeat(len(sequences) // len(batch[CLASS]))
        return cast("Tensor", critic(sequences, classes))

    def _critic_losses(self, critic: nn.Module, batch: Batch) -> Losses:
        real = one_hot(batch[CODES], self.n_letters).float()
        with torch.no_grad():
            fake = self.generator(batch[CLASS])
        # One pass over both halves: half the calls, and DDP allows one forward per backward.
        both = self._scores(critic, torch.cat([real, fake]), batch)
        on_real, on_fake = both[: len(real)], both[len(real) :]
        penalty = GradientPenalty(self.config.penalty_weight).loss(
            lambda between: self._scores(critic, between, batch), real, fake
        )
        loss = Wasserstein().critic_loss(on_real, on_fake) + penalty
        return {"loss": loss, "real": on_real.mean(), "fake": on_fake.mean(), "penalty": penalty}

    def _generator_losses(self, generator: nn.Module, batch: Batch) -> Losses:
        fake = generator(batch[CLASS])
        return {"loss": Wasserstein().generator_loss(self._scores(self.critic, fake, batch))}


CHUNK = 4096
"""Sequences generated at a time, which bounds memory."""

MIN_VALIDATION = 8
"""Fewest validation sequences of a class that a score is taken from."""


class SequenceGan:
    r"""Wasserstein GAN with gradient penalty whose generator draws letters by the Gumbel-softmax.

    .. math:: L_D = E[D(\hat x, y)] - E[D(x, y)] + w\, E\big[(\|\nabla D\| - 1)^2\big], \qquad L_G = -E[D(\hat x, y)]

    with one-hot sequences :math:`x`, classes :math:`y` and :math:`\hat x = \mathrm{onehot}(G(z, y) + g)`, Gumbel noise
    :math:`g`, whose gradient is that of the relaxed letters.

    Parameters
    ----------
    config
        Settings; the defaults of :class:`~scgarage.sequences.SequenceGanConfig` when left out.
    **settings
        Single settings, in place of those of ``config``.

    Attributes
    ----------
    history
        Losses and validation scores after :meth:`fit`.
    about
        What the model was fitted to.

    Raises
    ------
    InputError
        For a setting that the model does not have.

    References
    ----------
    Gulrajani et al., NeurIPS 2017, arXiv:1704.00028. Jang, Gu & Poole, ICLR 2017, arXiv:1611.01144. GANs for DNA:
    Killoran et al. 2017, arXiv:1712.06148. Conditions: Miyato & Koyama, ICLR 2018, arXiv:1802.05637.

    Examples
    --------
    >>> from scgarage.sequences import MOTIFS, SequenceGan, simulate_sequences
    >>> real = simulate_sequences({"promoter": [MOTIFS["tata-box"]], "none": []}, 40, 20)
    >>> model = SequenceGan(n_iterations=2, n_channels=8).fit(real)
    >>> model.sample({"promoter": 3})
    Windows(3 x 20 dna, 1 classes)
    """

    name: ClassVar[str] = "sequence-gan"
    Config: ClassVar[type[Any]] = SequenceGanConfig

    def __init__(self, config: SequenceGanConfig | None = None, **settings: Any) -> None:
        self.config: SequenceGanConfig = make_config(SequenceGanConfig, config, settings, name=self.name)
        self.about: dict[str, Any] = {}
        self.history = pd.DataFrame({"step": []})
        self.networks = nn.ModuleDict()

    @property
    def is_fitted(self) -> bool:
        """Whether the model can sample."""
        return bool(self.about)

    # ------------------------------------------------------------------ fitting
    def fit(self, sequences: Windows, *, validation: Windows | float = 0.1, options: FitOptions | None = None) -> Self:
        """Train on sequences of one length.

        Parameters
        ----------
        sequences
            Training sequences; with classes the model is conditional on them.
        validation
            Sequences, or the share of ``sequences`` to hold out, that decide when training stops; 0 for none.
        options
            Device, checkpoints, progress bar.

        Returns
        -------
        The model itself.

        Raises
        ------
        InputError
            When validation sequences have other letters, lengths or classes.
        TrainingError
            When training diverges.
        """
        start, options = time.perf_counter(), options or FitOptions()
        held = validation if isinstance(validation, Windows) else None
        if not isinstance(validation, Windows) and validation:
            sequences, held = sequences.split(validation, random_state=self.config.random_state)
        self.about = self._describe(sequences)
        with seeded(self.config.random_state):
            self.networks = self._skeleton()
            result = train_networks(
                self.config,
                self.phases(),
                self._columns(sequences),
                self.networks["generator"],
                options,
                validate=None if held is None else self._validator(held),
                name=self.name,
            )
        self.history = result.history
        self.about |= {
            "n_validation": 0 if held is None else len(held),
            "n_iterations": result.n_iterations,
            "best_step": result.best_step,
            "stopped_early": result.stopped_early,
            "fit_seconds": round(time.perf_counter() - start, 2),
            "history": {name: [None if pd.isna(v) else float(v) for v in self.history[name]] for name in self.history},
        }
        return self

    def _describe(self, sequences: Windows) -> dict[str, Any]:
        labels = [] if sequences.labels is None else sequences.labels.tolist()
        return {
            "model": self.name,
            "parameters": config_values(self.config),
            "version": version("scgarage"),
            "alphabet": sequences.alphabet.name,
            "length": sequences.length,
            "classes": list(sequences.classes),
            "class_counts": {label: labels.count(label) for label in sequences.classes},
            "n_train": len(sequences),
        }

    def _skeleton(self) -> nn.ModuleDict:
        """Return generator and critic."""
        c, n_letters = self.config, len(find_alphabet(self.about["alphabet"]))
        shape = (self.about["length"], n_letters, len(self.about["classes"]))
        widths = {"n_channels": c.n_channels, "kernel_size": c.kernel_size}
        generator = SequenceGenerator(
            shape, n_latent=c.n_latent, n_blocks=c.generator_blocks, straight_through=c.straight_through, **widths
        )
        generator.head.anneal(c.first_temperature)
        critic = make_critic(shape, n_features=c.n_features, n_blocks=c.critic_blocks, **widths)
        return nn.ModuleDict({"generator": generator, "critic": critic})

    def _columns(self, sequences: Windows) -> Batch:
        """Return what a batch holds: codes, ``(n, n_positions)``, and class numbers, ``(n,)``, both int64."""
        numbers = np.zeros(len(sequences), dtype=np.int64)
        if sequences.labels is not None:
            numbers = pd.Index(self.about["classes"]).get_indexer(sequences.labels).astype(np.int64)
        return {CODES: torch.from_numpy(sequences.codes.astype(np.int64)), CLASS: torch.from_numpy(numbers)}

    def _validator(self, held: Windows) -> Any:
        found = {"alphabet": held.alphabet.name, "length": held.length}
        wanted = {name: self.about[name] for name in found}
        if found != wanted or not set(held.classes) <= set(self.about["classes"]):
            msg = (
                f"validation sequences have {found} and the classes {list(held.classes)}; expected {wanted} and "
                f"{self.about['classes']}"
            )
            raise InputError(msg)
        columns = self._columns(held)
        enough = columns[CLASS].bincount()[columns[CLASS]] >= MIN_VALIDATION
        if not enough.any():
            return None
        n_letters = len(held.alphabet)
        return validator(
            self.networks["generator"], columns[CODES][enough], columns[CLASS][enough], n_letters=n_letters
        )

    def phases(self) -> list[Phase]:
        """Critic steps, then one generator step, after which the temperature falls."""
        generator = cast("SequenceGenerator", self.networks["generator"])
        n_letters, conditional = len(find_alphabet(self.about["alphabet"])), bool(self.about["classes"])
        return Adversary(generator, self.networks["critic"], self.config, n_letters, conditional).phases()

    # ------------------------------------------------------------------ sampling
    def sample(self, spec: int | Mapping[str, int], *, random_state: int = 0) -> Windows:
        """Make synthetic sequences.

        Parameters
        ----------
        spec
            A number of sequences, divided among the classes as in training; or a number for each class.
        random_state
            Seed; the same seed gives the same sequences.

        Returns
        -------
        Sequences, class by class, named ``synthetic_1``, ...

        Raises
        ------
        InputError
            When the model is not fitted, or the request has unknown classes or odd numbers.
        """
        self._check_fitted()
        rng = torch.Generator().manual_seed(random_state)
        numbers = requested_classes(spec, self.about["class_counts"], random_state=random_state)
        starts = range(0, len(numbers), CHUNK)
        codes = [self._draw(torch.from_numpy(numbers[start : start + CHUNK]), rng) for start in starts]
        classes = self.about["classes"]
        labels = np.array(classes, dtype=np.str_)[numbers] if classes else None
        names = np.char.mod("synthetic_%d", np.arange(1, len(numbers) + 1))
        return Windows(np.concatenate(codes), find_alphabet(self.about["alphabet"]), labels, names, names)

    @torch.no_grad()
    def _draw(self, classes: Tensor, rng: torch.Generator) -> NDArray[np.uint8]:
        made = self.networks["generator"](classes, generator=rng)
        codes: NDArray[np.uint8] = made.argmax(dim=2).numpy().astype(np.uint8)
        return codes

    # ------------------------------------------------------------------ files
    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model to a folder of safetensors and JSON files, which appears complete or not at all.

        Raises
        ------
        OutputExistsError
            When ``path`` exists and ``overwrite`` is not set.
        """
        self._check_fitted()
        persistence.write_model(Path(path), self.about, {}, self.networks.state_dict(), overwrite=overwrite)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model folder.

        Raises
        ------
        InputError
            When it is no model folder, is damaged, or holds another model.
        """
        about, _, tensors = persistence.read_model(Path(path))
        if about.get("model") != cls.name:
            msg = f"{path} holds the model {about.get('model')!r}, not {cls.name!r}; use scgarage.load(path)"
            raise InputError(msg)
        try:
            model = cls(config_from_values(cls.Config, about["parameters"]))
            model.about = {name: value for name, value in about.items() if name != "format"}
            model.history = pd.DataFrame(about["history"]).astype(np.float64)
            with seeded(0):  # first weights are drawn, and replaced
                model.networks = model._skeleton()
            model.networks.load_state_dict(tensors)
        except (KeyError, RuntimeError) as error:
            msg = f"the model folder {path} is damaged or incomplete ({error}); fit and save the model again"
            raise InputError(msg) from error
        model.networks.eval()
        return model

    def _check_fitted(self) -> None:
        if not self.is_fitted:
            msg = f"{self.name} is not fitted; call fit(sequences) first, or SequenceGan.load(path)"
            raise InputError(msg)

    def __repr__(self) -> str:
        state = f"fitted on {self.about['n_train']} sequences" if self.is_fitted else "not fitted"
        return f"{type(self).__name__}({state})"
