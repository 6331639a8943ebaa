"""Modes covered and quality of samples of every adversarial objective, on 8 Gaussians in a ring and 25 in a grid.

    python experiments/modes.py --out modes

writes modes.csv (one row for each run) and modes.md (means over seeds). The data, networks, learning rates and lengths
are the same for all; nothing was tuned on the numbers.
"""

import argparse
import time
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.losses import OBJECTIVES, Game, objective_named, penalties_named
from scgarage.models.adversarial import make_critic
from scgarage.nn import mlp

ALONE = {name: (name, ()) for name in OBJECTIVES if name not in ("bce", "wasserstein")}
"""Every objective without penalty; "bce" is "non-saturating", and the Wasserstein objective needs one."""

WITH_PENALTY = {
    "non-saturating + r1:0.1": ("non-saturating", ("r1:0.1",)),
    "wasserstein + gradient-penalty:0.1": ("wasserstein", ("gradient-penalty:0.1",)),
    "wasserstein + spectral-norm": ("wasserstein", ("spectral-norm",)),
    "wasserstein + weight-clipping": ("wasserstein", ("weight-clipping",)),
    "hinge + spectral-norm": ("hinge", ("spectral-norm",)),
    "relativistic + r1:0.1, r2:0.1": ("relativistic", ("r1:0.1", "r2:0.1")),
    "mmd:bandwidths=[0.5,1,2,4] + spectral-norm": ("mmd:bandwidths=[0.5,1,2,4]", ("spectral-norm",)),
}
"""The weight 0.1 is that of the toy problems of Gulrajani et al. 2017 (gradient penalty) and Mescheder et al. 2018."""

SPREAD = {"ring": 0.05, "grid": 0.05}
N_LATENT, HIDDEN, BATCH, N_SAMPLES, LEARNING_RATE = 8, (128, 128), 128, 2500, 1e-3


def centres(shape: str) -> Tensor:
    """Return the means of the modes, ``(n_modes, 2)``: 8 on a circle of radius 2, or 5 x 5 at distance 1."""
    if shape == "ring":
        angle = torch.arange(8) * torch.pi / 4
        return 2 * torch.stack([angle.cos(), angle.sin()], dim=1)
    return torch.cartesian_prod(torch.arange(-2.0, 3), torch.arange(-2.0, 3))


def draw(modes: Tensor, spread: float, n: int, generator: torch.Generator) -> Tensor:
    which = torch.randint(len(modes), (n,), generator=generator)
    return modes[which] + spread * torch.randn(n, 2, generator=generator)


def quality(samples: Tensor, modes: Tensor, spread: float) -> dict[str, float]:
    """Return the modes with at least a tenth of their share of good samples, and the share of good samples.

    A sample is good when it lies within three standard deviations of a mode (Srivastava et al., VEEGAN, 2017).
    """
    distance, nearest = torch.cdist(samples, modes).min(dim=1)
    good = distance <= 3 * spread
    found = torch.bincount(nearest[good], minlength=len(modes))
    return {"modes": int((found >= 0.1 * len(samples) / len(modes)).sum()), "good": float(good.float().mean())}


def train(game: Game, modes: Tensor, spread: float, n_steps: int, seed: int) -> nn.Module:
    """Train a generator of points; Adam (1e-3, 0.5, 0.9), one critic step for each generator step."""
    torch.manual_seed(seed)
    noise = torch.Generator().manual_seed(seed)
    generator = mlp(N_LATENT, HIDDEN, 2)
    critic = make_critic(game, 2, HIDDEN, activation=nn.LeakyReLU) if game.has_critic else None
    networks = [generator] if critic is None else [generator, critic]
    steps = {net: Adam(net.parameters(), lr=LEARNING_RATE, betas=(0.5, 0.9), fused=True) for net in networks}
    for _ in range(n_steps):
        if critic is not None:
            with torch.no_grad():
                fake = generator(torch.randn(BATCH, N_LATENT))
            losses = game.critic_losses(critic, critic, draw(modes, spread, BATCH, noise), fake)
            steps[critic].zero_grad()
            losses["loss"].backward()
            steps[critic].step()
            with torch.no_grad():
                game.after_critic_step(critic, losses)
            critic.requires_grad_(requires_grad=False)
        fake = generator(torch.randn(BATCH, N_LATENT))
        loss = game.generator_loss(critic, critic, draw(modes, spread, BATCH, noise), fake)
        steps[generator].zero_grad()
        loss.backward()
        steps[generator].step()
        if critic is not None:
            critic.requires_grad_(requires_grad=True)
    return generator


def run(shape: str, name: str, n_steps: int, seed: int) -> dict[str, object]:
    text, penalties = (ALONE | WITH_PENALTY)[name]
    modes, spread, start = centres(shape), SPREAD[shape], time.perf_counter()
    row: dict[str, object] = {"data": shape, "objective": name, "seed": seed, "steps": n_steps}
    generator = train(Game(objective_named(text), penalties_named(penalties)), modes, spread, n_steps, seed)
    with torch.no_grad():
        samples = generator(torch.randn(N_SAMPLES, N_LATENT, generator=torch.Generator().manual_seed(seed)))
    row |= quality(samples, modes, spread)
    return row | {"finite": bool(samples.isfinite().all()), "seconds": round(time.perf_counter() - start, 1)}


def table(runs: pd.DataFrame) -> str:
    """Return means over seeds (and the range of the modes) as Markdown, ordered by modes times good samples."""
    lines = ["| objective | ring: modes of 8 | ring: good samples | grid: modes of 25 | grid: good samples |"]
    lines += ["|---|---|---|---|---|"]
    means = runs.groupby(["objective", "data"])[["modes", "good"]].agg(["mean", "min", "max"])
    product_of_both = runs["modes"] / runs["data"].map({"ring": 8, "grid": 25}) * runs["good"]
    for name in product_of_both.groupby(runs["objective"]).mean().sort_values(ascending=False).index:
        cells = []
        for shape in ("ring", "grid"):
            found, good = means.loc[(name, shape), "modes"], means.loc[(name, shape), "good"]
            cells += [f"{found['mean']:.1f} ({found['min']:.0f} to {found['max']:.0f})", f"{100 * good['mean']:.0f} %"]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="modes")
    parser.add_argument("--n-steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--objectives", nargs="*", default=[*ALONE, *WITH_PENALTY])
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed, shape, name in product(range(options.seeds), ("ring", "grid"), options.objectives):
        rows.append(run(shape, name, options.n_steps, seed))
        print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(f"{options.out}.csv", index=False)
    Path(f"{options.out}.md").write_text(table(pd.DataFrame(rows)), encoding="utf-8")


if __name__ == "__main__":
    main()
