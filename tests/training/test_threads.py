import pytest
import torch

from scgarage.training import one_thread


def interrupted():
    with one_thread():
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt


def test_threads_come_back_also_after_an_interruption():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
