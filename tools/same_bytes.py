"""Hashes of what scgarage computes with fixed seeds, to show that a change of the code's layout changes no result.

    python tools/same_bytes.py record before.json
    python tools/same_bytes.py compare before.json      # exit status 1 when anything differs

Bundled data only, one thread, a few training steps a network: it compares, it does not measure. Hashes hold for one
machine and one set of packages. Names are those of 0.1.0 where a package has moved, so that one script runs before and
after the move.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import anndata as ad
import numpy as np
import pandas as pd
import torch
from scipy import sparse

import scgarage as sg
from scgarage.models import MODELS, FitOptions

KEY = "cell_type"
QUIET = FitOptions(progress=False, accelerator="cpu")
VOLATILE = {"second", "seconds", "time", "times", "date", "created", "version", "versions", "path", "paths"}
VOLATILE |= {"peak", "python", "platform", "device"}
NETWORK = {"n_iterations": 60, "validate_every": 20, "n_top_genes": 200}
GAN = NETWORK | {"generator_hidden": (32,), "critic_hidden": (32,)}
SETTINGS: dict[str, dict[str, Any]] = {
    "garage": {"n_top_genes": 200, "n_factors": 8, "n_sweeps": 10, "n_kept": 4, "n_iterations": 40},
    "garage-faithful": GAN | {"gat_epochs": 10, "max_draws_per_cell": 20},
    "scgan": GAN | {"n_latent": 16},
    "vae": NETWORK | {"hidden": (32,), "n_latent": 8},
    "vae-ros": NETWORK | {"hidden": (32,), "n_latent": 8},
    "scvae": NETWORK | {"hidden": (32,), "n_latent": 8},
    "scdiffusion": NETWORK | {"hidden": (32,), "n_components": 16, "n_steps": 20},
    "flow": NETWORK | {"hidden": (32,), "n_factors": 8, "n_sweeps": 10, "n_kept": 4, "n_steps": 10},
    "copula": {"n_top_genes": 200},
    "smote": {"n_top_genes": 200},
    "nb-independent": {},
    "bootstrap": {},
}
EXCLUDED = ("CD79A", "CD3D")
VARIANTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "garage by batch": ("garage", {}, {"batch_key": "batch"}),
    "garage without labels": ("garage", {}, {"labels_key": None}),
    "garage in groups": ("garage", {"smallest_group": 25}, {}),
    "garage on logarithms": ("garage", {}, {"layer": "log"}),
    "garage moved by half": ("garage", {"jitter": 0.5, "refine": False}, {}),
    "flow on logarithms": ("flow", {}, {"layer": "log"}),
    "copula on logarithms": ("copula", {}, {"layer": "log"}),
    "gan on logarithms": ("gan", {"head": "softplus"}, {"layer": "log"}),
    "gan by batch of ten": ("gan", {"batch_size": 10}, {}),
    "scvae beta": ("scvae", {"beta": 0.5}, {}),
    **{f"gan {name}": ("gan", {"objective": name}, {}) for name in ("hinge", "relativistic", "mmd", "began", "f-kl")},
    **{
        f"gan {name}": ("gan", {"objective": "wasserstein", "penalties": (name,)}, {})
        for name in ("gradient-penalty", "weight-clipping", "spectral-norm")
    },
    **{
        f"gan {name}": ("gan", {"objective": "hinge", "penalties": (name,)}, {})
        for name in ("consistency", "r1:1", "r2:1")
    },
    **{f"gan {name}": ("gan", {"head": name}, {}) for name in ("negative-binomial", "zinb", "softmax", "alr")},
    "gan without two genes at once": ("gan", {"constraints": ({"kind": "exclusive", "genes": EXCLUDED},)}, {}),
    "garage-faithful on random seeds": ("garage-faithful", {"selector": "random"}, {}),
    "scgan softmax": ("scgan", {"head": "softmax"}, {}),
}


def cells() -> ad.AnnData:
    """Return the bundled cells with a made-up batch and a layer of logarithms."""
    adata = sg.datasets.pbmc68k()
    adata.obs["batch"] = pd.Categorical(np.where(np.arange(adata.n_obs) % 3 == 0, "one", "two"))
    totals = np.asarray(adata.X.sum(axis=1)).ravel()
    adata.layers["log"] = sparse.csr_matrix(sparse.diags(1e4 / totals) @ adata.X).log1p().astype(np.float32)
    return adata


def volatile(name: object) -> bool:
    """Return whether a whole word says clock or machine: "date" is in "validate", too, and a type is named "Memory"."""
    return not VOLATILE.isdisjoint(re.split(r"[^a-z]+", str(name).lower()))


def plain(value: Any) -> Any:
    """Return nested values as JSON can hold them, without what depends on the clock or the machine."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in sorted(value.items(), key=str) if not volatile(k)}
    if isinstance(value, pd.DataFrame):
        kept = value[[c for c in value if not volatile(c)]]
        return [kept.to_csv(), [str(kind) for kind in kept.dtypes]]
    if isinstance(value, pd.Series):
        return [value.to_csv(), str(value.dtype)]
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiub":
            return plain(value.tolist())
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [list(value.shape), str(value.dtype), content]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in (sorted(value, key=str) if isinstance(value, set) else value)]
    if sparse.issparse(value):
        matrix = sparse.csr_matrix(value)
        matrix.sort_indices()
        return [list(matrix.shape), str(matrix.dtype), *map(plain, (matrix.data, matrix.indices, matrix.indptr))]
    if isinstance(value, ad.AnnData):
        return {
            "X": plain(value.X), "obs": plain(value.obs), "var": plain(value.var),
            "layers": plain(dict(value.layers)), "obsm": plain(dict(value.obsm)), "uns": plain(dict(value.uns)),
        }  # fmt: skip
    if is_dataclass(value) and not isinstance(value, type):
        return plain({item.name: getattr(value, item.name) for item in fields(value)})
    if value is None or isinstance(value, bool | int | float | str):
        return value
    msg = f"no rule for {type(value).__name__}: its text may be shortened"  # a hash that hides a change is no hash
    raise TypeError(msg)


def digest(value: Any) -> str:
    """Return the hash of a result."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True).encode()).hexdigest()[:24]


def old(package: str, name: str) -> Any:
    """Return a public name by its place in 0.1.0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(import_module(f"scgarage.{package}"), name)


def of_model(name: str, settings: dict[str, Any], how: dict[str, Any]) -> dict[str, Any]:
    """Return samples of a model before and after it was saved, and what its folder holds."""
    split = sg.pp.split(cells(), labels_key=KEY)
    model = MODELS[name](**SETTINGS.get(name, GAN) | settings)
    model.fit(split.train, validation=split.validation, options=QUIET, **{"labels_key": KEY} | how)
    types = dict.fromkeys(model.types[:2], 10) if model.types else 20
    made = {"all": model.sample(200, random_state=3), "history": model.history}
    with contextlib.suppress(sg.errors.SamplingError):
        made["types"] = model.sample(types, random_state=4)
    with tempfile.TemporaryDirectory() as folder:
        path = model.save(Path(folder) / "model")
        made["loaded"] = sg.load(path).sample(200, random_state=3)
        if digest(made["loaded"]) != digest(made["all"]):
            made["loaded differs"] = True
        made["files"] = sorted(file.name for file in path.iterdir())
        # A list, for layers have names such as "time.weight".
        made["networks"] = [[k, v.numpy()] for k, v in sorted(model.networks.state_dict().items())]
    return made


def synthetic(name: str) -> tuple[ad.AnnData, Any]:
    """Return cells of a quick model, and the split."""
    split = sg.pp.split(cells(), labels_key=KEY)
    model = MODELS[name](**SETTINGS.get(name, GAN))
    model.fit(split.train, labels_key=KEY, validation=split.validation, options=QUIET)
    return model.sample(300, random_state=0), split


def of_judge(name: str, profile: str) -> dict[str, Any]:
    """Return what the judge says about cells of a model."""
    made, split = synthetic(name)
    result = sg.evaluate(made, split, profile=profile)
    audit = sg.audit(made, split)
    with tempfile.TemporaryDirectory() as folder:
        page = result.report(Path(folder) / "report.html", audit=audit).read_text(encoding="utf-8")
        saved = json.loads(result.save(Path(folder) / "result.json").read_text(encoding="utf-8"))
    return {
        "table": result.table, "verdict": str(result.verdict()), "frame": result.to_frame(), "audit": audit.record(),
        "saved": {key: saved[key] for key in ("verdict", "settings", "split", "table")},
        "types": re.findall(r"<table.*?</table>", page, re.DOTALL),
    }  # fmt: skip


def of_unlabelled() -> Any:
    """Return what the judge says without types, and about cells without labels."""
    made, split = synthetic("copula")
    bare = made.copy()
    del bare.obs[KEY]
    return {"synthetic": sg.evaluate(bare, split, profile="quick").table}


def of_logarithms() -> Any:
    """Return what the judge says about log-normalised values."""
    split = sg.pp.split(cells(), labels_key=KEY)
    model = MODELS["copula"](**SETTINGS["copula"]).fit(split.train, labels_key=KEY, layer="log", validation=None)
    made = model.sample(300)
    made.layers["log"] = made.X
    return {"table": sg.evaluate(made, split, layer="log", profile="quick").table}


def of_imputer(name: str) -> Any:
    """Return imputed values."""
    few = {"n_iterations": 30, "n_repeats": 1} if name == "began" else {}
    return sg.impute(cells()[:300].copy(), method=name, labels_key=KEY if name in {"began", "garage"} else None, **few)


def of_selector(name: str) -> Any:
    """Return the seeds of a selector."""
    adata = cells()
    adata.X = adata.layers["log"]
    adata.obsm["X_pca"] = np.asarray(adata.obsm["X_pca"] if "X_pca" in adata.obsm else adata.X[:, :30].toarray())
    chosen = sg.seeds.SELECTORS[name](labels_key=KEY, random_state=0).select(adata, 60)
    return {"rows": chosen.indices, "scores": chosen.scores}


def of_check() -> Any:
    """Return the check of imputation."""
    return {"table": sg.check_imputation(cells()[:300].copy(), ["none", "knn"], labels_key=KEY).table}


def of_rare() -> Any:
    """Return the rare-cell experiment, small."""
    settings = old("utility", "UtilitySettings")(n_splits=2, n_training_cells=(5,), n_added=20, n_trees=20, n_targets=1)
    augmenters = {"poisson": old("utility", "poisson_by_type")(KEY)}
    made = old("utility", "rare_utility")(cells(), augmenters, labels_key=KEY, settings=settings)
    return {"table": made.table, "sentences": made.sentences()}


def of_clusters() -> Any:
    """Return clusters against types."""
    made, split = synthetic("copula")
    return old("structure", "compare_structure")(made, split, n_repeats=3)


def of_legacy() -> Any:
    """Return the published protocols."""
    made, split = synthetic("copula")
    return {
        "clusters": old("legacy", "legacy_structure")(
            made, split.test, labels_key=KEY, resolutions=(0.2, 1.0), step=0.4
        ),
        "distance": old("legacy", "legacy_wasserstein")(made, split.test),
    }


def of_attention() -> Any:
    """Return the analysis of attention."""
    gat = sg.seeds.GATSettings(n_epochs=10)
    made = old("biology", "analyse_attention")(cells(), labels_key=KEY, gat=gat)
    names = ("types", "markers", "positive_rates", "explanations", "cells")
    return {name: getattr(made, name) for name in names} | {"sentences": made.sentences()}


def of_sequences() -> Any:
    """Return sequences of a GAN and what their judge says."""
    windows = sg.sequences.simulate_sequences({"box": [sg.sequences.MOTIFS["tata-box"]], "none": []}, 40, 24)
    model = sg.sequences.SequenceGan(n_iterations=10, batch_size=16).fit(windows)
    made = model.sample(30)
    return {"codes": made.codes, "table": sg.sequences.evaluate_sequences(made, windows, windows)}


def of_leakage() -> Any:
    """Return what leakage of seed cells costs, small."""
    split = sg.pp.split(cells(), labels_key=KEY)
    tiny = GAN | {"n_iterations": 4, "gat_epochs": 2, "n_top_genes": 40}
    analyse = old("biology", "analyse_leakage")
    made = analyse(split, labels_key=KEY, leakages=[0, 0.5], selectors=["random"], params=tiny, n_repeats=1)
    return {"table": made.table, "trends": made.trends(), "sentences": made.sentences()}


def of_markers() -> Any:
    """Return marker genes."""
    adata = cells()
    labels, genes = (np.asarray(names, dtype=str) for names in (adata.obs[KEY], adata.var_names))
    return old("biology", "find_markers")(adata.layers["log"], labels, genes)


def of_harmonised() -> Any:
    """Return batches made alike, small."""
    few = {"n_factors": 3, "n_sweeps": 4, "n_kept": 2, "refine": False, "n_top_genes": 100}
    made = old("applications", "harmonise")
    return made(cells(), target="two", labels_key=KEY, batch_key="batch", settings=few, n_pcs=5, perplexity=15)


def of_preprocessing() -> Any:
    """Return the split, highly variable genes, components and neighbours of the bundled cells."""
    adata = cells()
    split = sg.pp.split(adata, labels_key=KEY)
    log_expr = sg.pp.log1p_cp10k(adata.X)
    genes = sg.pp.select_hvg(log_expr, 100)
    return {"record": split.record(), "log": log_expr, "genes": genes}


def of_augmented() -> Any:
    """Return real cells plus synthetic ones."""
    model = MODELS["copula"](**SETTINGS["copula"]).fit(cells(), labels_key=KEY, validation=None)
    return sg.augment(cells(), model, min_cells=40)


def entries() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield every computation with its name."""
    for name in (known for known, kind in MODELS.items() if not getattr(kind, "extra", None) or find_spec(kind.extra)):
        yield f"model {name}", lambda name=name: of_model(name, {}, {})
    for title, (name, settings, how) in VARIANTS.items():
        yield f"model {title}", lambda n=name, s=settings, h=how: of_model(n, s, h)
    for name, profile in (("garage", "full"), ("copula", "quick"), ("gan", "quick"), ("bootstrap", "quick")):
        yield f"judge {name} {profile}", lambda n=name, p=profile: of_judge(n, p)
    yield "judge unlabelled", of_unlabelled
    yield "judge logarithms", of_logarithms
    for name in ("none", "knn", "magic", "alra", "garage", "began"):
        yield f"imputer {name}", lambda n=name: of_imputer(n)
    for name in sg.seeds.SELECTORS:
        yield f"selector {name}", lambda n=name: of_selector(n)
    others = (of_check, of_rare, of_clusters, of_legacy, of_attention, of_leakage, of_markers, of_harmonised)
    others += (of_sequences, of_preprocessing, of_augmented)
    for function in others:
        yield function.__name__.removeprefix("of_"), function


def compute(pattern: str) -> dict[str, Any]:
    """Return the hashes of every part of every computation whose name matches."""
    found: dict[str, Any] = {}
    for name, make in entries():
        if not re.search(pattern, name):
            continue
        torch.manual_seed(0)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                made = make()
            parts = made if isinstance(made, dict) else {"": made}
            found |= {f"{name}: {part}": digest(value) for part, value in parts.items()}
        except Exception as error:  # noqa: BLE001  (a failure is a result, too)
            found[name] = f"error: {type(error).__name__}: {str(error)[:200]}"
        print(name, found.get(name, "done"), flush=True)
    return found


def main() -> int:
    """Record hashes, or compare with recorded ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["record", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="regular expression of names")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = compute(options.only)
    if options.command == "record":
        options.file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return 0
    before = {
        k: v for k, v in json.loads(options.file.read_text(encoding="utf-8")).items() if re.search(options.only, k)
    }
    different = sorted(key for key in before | found if before.get(key) != found.get(key))
    for key in different:
        print(f"{key}: {before.get(key, 'absent')} -> {found.get(key, 'absent')}")
    print(f"{len(before | found) - len(different)} same, {len(different)} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
