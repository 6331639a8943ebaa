"""The sequence GAN."""

import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scgarage.errors import InputError
from scgarage.models import persistence
from scgarage.models.config import config_from_values, config_values, make_config
from scgarage.models.options import FitOptions
from scgarage.sequences.adversary import CLASS, CODES, Adversary
from scgarage.sequences.alphabet import find_alphabet
from scgarage.sequences.config import SequenceGanConfig
from scgarage.sequences.networks import SequenceGenerator, make_critic
from scgarage.sequences.request import requested_classes
from scgarage.sequences.validation import validator
from scgarage.sequences.windows import Windows
from scgarage.training import Batch, Batches, Phase, TrainResult, TrainSettings, seeded, train

__all__ = ["SequenceGan"]

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
            result = self._train(sequences, held, options)
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

    def _train(self, sequences: Windows, held: Windows | None, options: FitOptions) -> TrainResult:
        c = self.config
        settings = TrainSettings(
            n_iterations=c.n_iterations,
            validate_every=c.validate_every,
            patience=c.patience,
            ema_decay=c.ema_decay,
            random_state=c.random_state,
            progress=options.progress,
            accelerator=options.accelerator,
            devices=options.devices,
            description=self.name,
        )
        return train(
            self.phases(),
            Batches(self._columns(sequences), batch_size=c.batch_size, random_state=c.random_state),
            settings,
            validate=None if held is None else self._validator(held),
            averaged=self.networks["generator"],
            checkpoint=options.checkpoint,
            resume=options.resume,
        )

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
