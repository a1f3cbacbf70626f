"""Files of torch: tensors come out, nothing else does, and nothing runs."""

import os
import warnings
import zipfile

import numpy as np
import pytest

from transferscore.io import FileError, convert_torch, load_features, load_labels

torch = pytest.importorskip("torch", reason="needs torch (extra torch)")


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


@pytest.fixture
def source(tmp_path):
    return tmp_path / "x.pt"


def refused(path, text, out="x.npz", **options):
    before = set(path.parent.iterdir())
    with pytest.raises(FileError) as caught:
        convert_torch(path, path.parent / out, **options)
    assert str(caught.value).startswith(f"'{path}'")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert set(path.parent.iterdir()) == before


@pytest.mark.parametrize("out", ["x.npy", "x.npz", "x.safetensors"])
@pytest.mark.parametrize("old", [False, True])
def test_a_tensor(source, out, old):
    if out == "x.safetensors":
        pytest.importorskip("safetensors", reason="needs safetensors (extra io)")
    features = torch.randn(5, 3).T.T.requires_grad_()
    saved(source, features, _use_new_zipfile_serialization=not old)
    assert convert_torch(source, source.parent / out) == source.parent / out
    np.testing.assert_array_equal(load_features(source.parent / out), features.detach())
    assert sorted(file.name for file in source.parent.iterdir()) == sorted([out, "x.pt"])


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "uint8", "bool", "int64"])
def test_types(source, dtype):
    features = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    loaded = load_features(convert_torch(saved(source, features), source.with_suffix(".npy")))
    assert loaded.dtype == ("float32" if dtype == "bfloat16" else dtype)
    np.testing.assert_array_equal(loaded, features.float())


def test_names(source):
    part = torch.arange(12.0).reshape(3, 4)
    content = {
        "features": part[:, ::2],
        "labels": torch.arange(3),
        "more": [part, (part.T,)],
        "file": part,
    }
    out = convert_torch(saved(source, content), source.with_suffix(".npz"))
    np.testing.assert_array_equal(load_features(out), part[:, ::2])
    np.testing.assert_array_equal(load_labels(out), [0, 1, 2])
    np.testing.assert_array_equal(load_features(out, key="more.1.0"), part.T)
    np.testing.assert_array_equal(load_features(out, key="file"), part)
    convert_torch(source, source.with_suffix(".npy"), key="more.0")
    np.testing.assert_array_equal(load_features(source.with_suffix(".npy")), part)
    refused(source, "must hold a tensor named 'x', holds 'features', 'labels', 'more.0'", key="x")
    refused(
        source, "must hold one tensor for an .npy file, or `key` name one of 'features'", "y.npy"
    )


def test_what_is_left_out_is_said(source):
    saved(source, {"features": torch.ones(2, 2), "epoch": 3, "name": "resnet"})
    with pytest.warns(
        UserWarning, match="holds 2 values that are no tensors, left out: 'epoch', 'name'"
    ):
        convert_torch(source, source.with_suffix(".npz"))
    with warnings.catch_warnings():
        convert_torch(source, source.with_suffix(".npz"), key="features")


class Exploit:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("old", [False, True])
def test_no_pickle_runs(source, tmp_path, old):
    content = {"features": torch.ones(2, 2), "x": Exploit(str(tmp_path / "exploited"))}
    saved(source, content, _use_new_zipfile_serialization=not old)
    refused(source, "must hold tensors, holds pickled objects (posix.mkdir), which are never read")
    refused(
        saved(source, torch.nn.Linear(2, 2)),
        "holds pickled objects (torch.nn.modules.linear.Linear)",
    )


def test_hostile_files(source):
    refused(source, "cannot be read: No such file or directory")
    for content in (b"", b"1,2,nan", b"\x80\x02."):
        source.write_bytes(content)
        refused(source, "must ")
    refused(saved(source, {"a": 3, "b": []}), "must hold tensors, holds none")
    saved(source, torch.ones(100, 100))
    content = source.read_bytes()
    source.write_bytes(content[:-100])
    refused(source, "must be a file of torch, is a damaged one: ")
    saved(source, torch.ones(1).expand(10**6, 10**6))
    refused(
        source, "tensor 'features', must not unpack to more than 100 times its size, declares 4,"
    )
    saved(source, torch.eye(3).to_sparse())
    refused(source, "tensor 'features', must be dense, is sparse_coo")
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(2**27))
    refused(source, "must not unpack to more than 100 times its size, declares 134,217,728")


def test_an_archive_over_several_disks(source):
    """Already the question whether it is an archive raises then."""
    torch.save({"features": torch.ones(40, 3)}, source)
    content = bytearray(source.read_bytes())
    # The locator of a 64-bit end record, with the number of disks at its end.
    locator = b"PK\x06\x07" + bytes(12) + (2).to_bytes(4, "little")
    end = content.rindex(b"PK\x05\x06")
    content[end:end] = locator
    source.write_bytes(content)
    refused(source, "must be a file of torch, is a damaged one: ")


def test_other_suffixes(source):
    with pytest.raises(
        FileError, match=r"y.pt' must end in .npy, .npz or .safetensors, ends in '.pt'"
    ):
        convert_torch(saved(source, torch.ones(2, 2)), source.with_name("y.pt"))
