import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import PROTEIN, FastaRecord, Windows, gc_content, gc_distance


def windows(*texts, alphabet=PROTEIN):
    return Windows.cut([FastaRecord(f"s{i}", text) for i, text in enumerate(texts)], alphabet=alphabet)


def test_gc_content_counts_letters():
    from scgarage.sequences import DNA

    texts = ["ACGT", "GGCC", "ATTA", "ACTT"]
    wanted = [(text.count("G") + text.count("C")) / 4 for text in texts]
    np.testing.assert_allclose(gc_content(windows(*texts, alphabet=DNA)), wanted)


def test_distance_is_the_shift_and_zero_for_the_same():
    from scgarage.sequences import DNA

    one, two = windows("AAAA", "AAAG", alphabet=DNA), windows("GAAA", "GGAA", alphabet=DNA)
    assert gc_distance(one, two) == pytest.approx(0.25)
    assert gc_distance(one, one) == 0


def test_protein_has_none():
    with pytest.raises(InputError, match="defined for dna"):
        gc_content(windows("MKTAY"))
