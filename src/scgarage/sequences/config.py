"""Settings of the sequence GAN."""

from dataclasses import dataclass

from scgarage.errors import InputError

__all__ = ["SequenceGanConfig"]


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
