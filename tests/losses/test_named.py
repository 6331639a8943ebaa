import pytest

from scgarage.errors import InputError
from scgarage.losses import (
    FGAN,
    MMD,
    OBJECTIVES,
    PENALTIES,
    R1,
    BinaryCrossEntropy,
    Fisher,
    GradientPenalty,
    SpectralNorm,
    objective_named,
    penalties_named,
)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_name_alone_gives_the_defaults(name):
    assert objective_named(name) == OBJECTIVES[name]()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bce:0.9", BinaryCrossEntropy(0.9)),
        ("bce: real_label=0.9, fake_label=0.1", BinaryCrossEntropy(0.9, 0.1)),
        ("fisher:constraint=penalty,rho=10", Fisher("penalty", 10.0)),
        ("mmd:bandwidths=[0.5,1,2]", MMD((0.5, 1, 2))),
        ("f-kl:saturating=true", FGAN("kl", saturating=True)),
    ],
)
def test_settings_follow_the_colon(text, expected):
    assert objective_named(text) == expected


def test_penalties_keep_their_order_and_types():
    made = penalties_named(["r1:1", "gradient-penalty:weight=5,one_sided=true", "spectral-norm:2"])
    assert made == (R1(1.0), GradientPenalty(5.0, one_sided=True), SpectralNorm(2))
    assert isinstance(made[0].gamma, float)


@pytest.mark.parametrize("text", ["hinges", "", "r1", 3])
def test_unknown_objectives_are_listed(text):
    with pytest.raises(InputError, match="'hinge'" if isinstance(text, str) else "by name"):
        objective_named(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("r3:1", "available: " + ", ".join(map(repr, PENALTIES))),
        ("r1:weight=1", "no setting 'weight'; it has: gamma"),
        ("r1:strong", "gamma must be of type float; found 'strong'"),
        ("gradient-penalty:one_sided=1", "one_sided must be of type bool"),
        ("gradient-penalty:1,2", "no setting '1'"),
        ("weight-clipping:-1", "limit must be positive"),
    ],
)
def test_bad_penalties_say_what_there_is(text, match):
    with pytest.raises(InputError, match=match):
        penalties_named([text])


def test_the_state_of_a_balanced_objective_is_no_setting():
    with pytest.raises(InputError, match="it has: gamma, rate"):
        objective_named("began:k=0.5")
