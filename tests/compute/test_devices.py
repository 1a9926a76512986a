import pytest
import torch

from skvae.compute.devices import gpu_or_none, resolve_device


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert {resolve_device(d).type for d in (None, "cpu", "auto")} == {"cpu"}
    assert {gpu_or_none(d) for d in (None, "cpu", "auto")} == {None}
    with pytest.raises(ValueError, match="device='auto'"):
        resolve_device("cuda")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device(None).type == resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == resolve_device("cuda").type == "cuda"
    assert gpu_or_none(None) is gpu_or_none("cpu") is None
    assert gpu_or_none("auto").type == gpu_or_none("cuda").type == "cuda"
