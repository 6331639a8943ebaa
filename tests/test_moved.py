"""Public names of 0.1.0 work from where they were, and say where they are now."""

import subprocess
import sys
import warnings
from importlib import import_module

import pytest

import scgarage as sg
from scgarage import _moved

ROOT = (
    "applications audit augment benchmark biology check_constraints check_imputation datasets errors evaluate guard "
    "impute imputers io legacy load metrics models pl plotting pp privacy read recovery seeds sequences structure "
    "training utility write_h5ad"
)
"""What ``scgarage`` itself exported."""

PUBLIC = {
    "applications": (
        "DYNAMICS_METHODS HARMONISATION_METHODS PERTURBATION_METHODS generate_between harmonise interpolate_types "
        "lisi mean_shifts mix_counts mixing separation shifted transfer_perturbation"
    ),
    "augmentation": "augment cells_wanted",
    "augmentation_evidence": "Classifier augmentation_evidence",
    "benchmark": (
        "Cell DataEntry Grid Judging ModelEntry check_format collect forget_failed glance mean_ranks read_grid "
        "run_cell run_grid summarise write_results write_summary"
    ),
    "biology": (
        "AttentionAnalysis CBMC_MARKERS LEAKAGES LeakageAnalysis ModelAugmenter SeedStudy analyse_attention "
        "analyse_leakage compare_explanations find_markers leakage_curve leakage_figure legacy_grid loss_curves "
        "marker_grid marker_tests mean_sd positive_rates published_scores rank_blocks read_markers study_seeds "
        "to_latex to_markdown type_enrichment"
    ),
    "cli": "COMMANDS main",
    "constraints": (
        "CoExpressed Constraint ConstraintPenalty Exclusive KINDS Monotone NonNegative Total check_constraints "
        "read_constraints to_texts"
    ),
    "datasets": "pbmc68k simulate",
    "errors": "InputError MissingExtraError OutputExistsError SamplingError ScgarageError TrainingError",
    "evaluation": "Evaluation Verdict evaluate read_evaluation verdict",
    "evaluation.sensitivity": "DEFECTS Defect FLAGGED blind_metrics sensitivity_matrix",
    "graph": "knn_graph",
    "guard": "guard",
    "imputers": (
        "Began BeganConfig Diffusion DiffusionConfig Filled IMPUTED IMPUTED_SD IMPUTERS Imputer ImputerConfig "
        "KnnConfig KnnSmoothing LowRank LowRankConfig NoImputation PosteriorMean PosteriorMeanConfig ScviConfig "
        "ScviMean impute imputer_class"
    ),
    "io": (
        "Matrix RecoveredCounts as_matrix atomic_output check_output counts_from_log_normalised describe_values "
        "detect_value_kind find_alternative read write_csv write_h5ad"
    ),
    "legacy": "COPIES FORESTS NO_CELLS PROTOCOL legacy_rare_cells legacy_structure legacy_wasserstein",
    "losses": (
        "BEGAN Balanced BinaryCrossEntropy Consistency CriticOutput FDivergence FGAN F_DIVERGENCES Fisher Game "
        "GradientPenalty Hinge LeastSquares MMD Minimax OBJECTIVES Objective PENALTIES Penalty R1 R2 Relativistic "
        "SpectralNorm Wasserstein WeightClipping as_texts median_distance mmd objective_named penalties_named "
        "reconstruction_error sliced_wasserstein"
    ),
    "losses.penalties": (
        "Consistency Critic GradientPenalty PENALTIES Penalty R1 R2 SpectralNorm WeightClipping input_gradients"
    ),
    "metrics": (
        "METRICS Metric c2st c2st_forest c2st_logistic coverage density exact_wasserstein gene_correlation_error "
        "gene_mean_error gene_variance_error gene_wasserstein label_fidelity lfc_correlation lfc_slope "
        "library_size_error marker_overlap memorisation_share mmd2 precision rare_retention recall "
        "sliced_wasserstein topology_distance type_proportion_tv type_sliced_wasserstein type_wasserstein_2 "
        "types_present zero_fraction_error"
    ),
    "models": (
        "Bootstrap BootstrapConfig Copula CopulaConfig Fgan FganConfig FitOptions Flow FlowConfig Gan GanConfig "
        "GanRos Garage GarageConfig GarageFaithful GarageFaithfulConfig GenerativeModel LshGan LshGanConfig "
        "MODELS NBIndependent NBIndependentConfig OPTIONAL_MODELS Oversampled ScDiffusion ScDiffusionConfig ScGan "
        "ScGanConfig ScVae ScVaeConfig Scvi ScviConfig Smote SmoteConfig Vae VaeConfig VaeRos Wgan WganConfig "
        "load model_class"
    ),
    "models.garage": "Garage GarageConfig",
    "nn": (
        "ALRHead CategoricalHead HEADS Head HybridInput NegativeBinomial NegativeBinomialHead ProjectionCritic "
        "SigmoidScaledHead SoftmaxHead SoftplusHead TemperatureSchedule ZINBHead ZeroInflatedNegativeBinomial alr "
        "alr_inverse clr gumbel_softmax mlp"
    ),
    "nn.heads": (
        "ALRHead CategoricalHead HEADS Head NegativeBinomialHead SigmoidScaledHead SoftmaxHead SoftplusHead "
        "ZINBHead"
    ),
    "plotting": (
        "RankTest SOURCE_COLOURS TYPE_COLOURS composition confusion critical_difference de_null embedding "
        "fold_changes gene_correlations gene_moments genes_detected history joint_embedding library_size "
        "log_fold_changes markers mean_variance moments persistence persistence_diagram persistence_distances "
        "quantiles rank_correlations rank_test score_sd scores sensitivity shares_expressing top_markers "
        "type_colours type_counts type_means"
    ),
    "preprocess": (
        "Components MaxScaler Split balanced_components communities counts_from_log_expr expression_matrix "
        "library_size log1p_cp10k match_genes prepare recover_counts select_hvg split split_again split_by_column "
        "validate_expression validate_labels value_kind"
    ),
    "privacy": (
        "ATTACKS Audit THRESHOLDS audit distance_attack distance_ratio domias exact_copies gan_leaks near_copies "
        "require_pass"
    ),
    "recovery": (
        "Agreement MarkerChange Masked Recommendation Recovery TypeAgreement agreement check_imputation "
        "cluster_agreement correlation decoy_correlation decoys halve log_fold_changes marker_change mask_entries "
        "matched_clusters recommend share_different thin_counts type_agreement"
    ),
    "report": "GivenAudit GivenUtility versions write_report",
    "seeds": (
        "AttentionScores AttentionSelector CellTypes CommunitySelector DensitySelector FacilityLocationSelector "
        "GATSettings GlobalTopSelector GraphAttention KCentreSelector MixedSelector RandomSelector RankedSelector "
        "SELECTORS SeedSelector Seeds SentAttention StratifiedSelector attention_scores community_scores "
        "facility_location farthest_first neighbour_distance rare_types sent_attention similarities take_turns "
        "top_per_type train_gat type_quotas"
    ),
    "sequences": (
        "ALPHABETS Alphabet DNA FastaRecord MOTIFS Motif PROTEIN SequenceGan SequenceGanConfig Windows c2st_kmers "
        "c2st_letters copy_share evaluate_sequences find_alphabet gc_content gc_distance hit_share hit_weights "
        "independent_letters kmer_counts kmer_distance kmer_spectrum markov_chain motif_table nearest_mismatches "
        "nearness_to_training position_letters position_weights position_weights_distance read_fasta "
        "simulate_sequences write_fasta"
    ),
    "sequences.judge": (
        "c2st_kmers c2st_letters copy_share evaluate_sequences gc_content gc_distance hit_share hit_weights "
        "kmer_counts kmer_distance kmer_spectrum motif_table nearest_mismatches nearness_to_training "
        "position_weights position_weights_distance"
    ),
    "structure": "SELECTIONS ari compare_structure legacy_structure macro_f1 nmi select_genes structure",
    "training": "Batch Batches History Losses Phase TrainResult TrainSettings one_thread progress_bar seeded train",
    "utility": (
        "Augmenter COMPARATORS DENullCheck PIPELINES QUICK RareUtility SCORES UtilitySettings de_null_check loras "
        "poisson_by_type rare_utility wilcoxon"
    ),
}  # fmt: skip
"""What the packages of 0.1.0 exported, by package."""


@pytest.fixture
def fresh(monkeypatch):
    """Forget stand-ins that another test imported: the warning comes with the first import."""
    for old in _moved.PACKAGES:
        monkeypatch.delitem(sys.modules, f"scgarage.{old}", raising=False)
        monkeypatch.delitem(vars(sg), old, raising=False)


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_found_where_it_was(package, fresh):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = import_module(f"scgarage.{package}")
        missing = [name for name in PUBLIC[package].split() if not hasattr(module, name)]
    assert missing == []


@pytest.mark.parametrize("package", [package for package in PUBLIC if package in _moved.PACKAGES])
def test_every_name_of_an_old_package_is_the_object_at_its_new_place(package, fresh):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = import_module(f"scgarage.{package}")
        for name in PUBLIC[package].split():
            where, new = _moved.NAMES.get((package, name), (_moved.PACKAGES[package], name))
            assert getattr(module, name) is getattr(import_module(f"scgarage.{where}"), new), name


@pytest.mark.parametrize("name", ROOT.split())
def test_what_the_package_itself_exported_is_there(name, fresh):
    if name not in _moved.PACKAGES or name in sg.__all__:  # ``guard`` was a function here and a module below
        assert name in sg.__all__
        assert getattr(sg, name) is not None
        return
    with pytest.warns(DeprecationWarning, match=rf"scgarage\.{name} is now scgarage\.{_moved.PACKAGES[name]}"):
        getattr(sg, name)


@pytest.mark.parametrize("old", _moved.PACKAGES)
def test_an_old_package_says_the_new_one_and_hands_out_the_same(old, fresh):
    new = _moved.PACKAGES[old]
    with warnings.catch_warnings(record=True) as caught:  # of a package in a package, two
        warnings.simplefilter("always")
        module = import_module(f"scgarage.{old}")
    said = [str(warning.message) for warning in caught if warning.category is DeprecationWarning]
    assert said[-1] == f"scgarage.{old} is now scgarage.{new}; the old name works until 0.3"
    name = next(name for name in PUBLIC[old].split() if (old, name) not in _moved.NAMES)
    assert getattr(module, name) is getattr(import_module(f"scgarage.{new}"), name)


@pytest.mark.parametrize(("old", "name"), _moved.NAMES)
def test_an_old_name_says_the_new_one(old, name, fresh):
    package, new = _moved.NAMES[old, name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = import_module(f"scgarage.{old}")
    if new == name:
        assert getattr(module, name) is getattr(import_module(f"scgarage.{package}"), new)
        return
    with pytest.warns(DeprecationWarning, match=f"{name} is now scgarage.{package}.{new}"):
        found = getattr(module, name)
    assert found is getattr(import_module(f"scgarage.{package}"), new)


def test_attributes_of_the_package_warn_at_the_line_that_asks(fresh):
    with pytest.warns(DeprecationWarning, match=r"scgarage.utility is now scgarage.judge.rare") as caught:
        assert sg.utility.rare_utility is sg.judge.rare_utility
    assert caught[0].filename == __file__


def test_optional_models_are_among_the_others():
    with pytest.warns(DeprecationWarning, match=r"now part of scgarage.models.MODELS"):
        assert set(sg.models.OPTIONAL_MODELS) == {"scvi", "scdesigner"}


def test_the_function_guard_survives_an_import_of_its_old_module():
    code = "import warnings; warnings.simplefilter('ignore'); import scgarage.guard, scgarage as sg; " + (
        "print(sg.guard(sg.datasets.pbmc68k()).n_obs)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "700"


def test_importing_the_package_warns_of_nothing():
    done = subprocess.run([sys.executable, "-W", "error", "-c", "import scgarage"], capture_output=True, check=True)
    assert not done.stderr
