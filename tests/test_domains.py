"""Small pictures for experiments, from files and from where they were published."""

import bz2
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

EXPERIMENTS = Path(__file__).parents[1] / "bench" / "experiments"


@pytest.fixture
def domains(monkeypatch):
    if not EXPERIMENTS.is_dir():
        pytest.skip("no source tree here")
    pytest.importorskip("torch", reason="pictures are scaled by PyTorch")
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import domains

    domains._read.cache_clear()
    return domains


@pytest.fixture
def homes(domains, monkeypatch):
    """A web of files: put one in with `publish`."""
    import data_homes

    files = {}

    def answer(address, timeout):
        if address not in files:
            raise OSError("no such host")
        return io.BytesIO(files[address])

    monkeypatch.setattr(data_homes.urllib.request, "urlopen", answer)
    data_homes.files = files
    return data_homes


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def idx(array):
    shape = np.array(array.shape, ">u4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes())


def published_digits(homes, monkeypatch):
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (20, 28, 28)), np.arange(20) % 10,
        rng.integers(0, 256, (10, 28, 28)), np.arange(10),
    ]  # fmt: skip
    contents = [idx(array.astype(np.uint8)) for array in arrays]
    addresses = ("http://first/", "http://second/")
    sums = tuple(map(md5, contents))
    monkeypatch.setitem(homes.IDX_SOURCES, "mnist", (addresses, sums))
    return arrays, contents


def test_digits_are_fetched_once(domains, homes, monkeypatch, tmp_path, capsys):
    arrays, contents = published_digits(homes, monkeypatch)
    # The first home has a file that was changed; the second has all.
    homes.files["http://first/train-images-idx3-ubyte.gz"] = b"changed"
    for file, content in zip(homes.IDX_FILES.values(), contents, strict=True):
        homes.files[f"http://second/{file}"] = content
    digits = domains.load("mnist", tmp_path / "new")
    np.testing.assert_allclose(digits.pictures[:, 0], arrays[0] / 255, rtol=1e-6)
    np.testing.assert_array_equal(digits.labels, arrays[1])
    assert "mnist.npz is not there: fetching mnist" in capsys.readouterr().err
    homes.files.clear()
    assert len(domains.load("mnist", tmp_path / "new", split="test")) == 10
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mnist.npz"]


def test_what_cannot_be_fetched(domains, homes, monkeypatch, tmp_path):
    _, contents = published_digits(homes, monkeypatch)
    homes.files["http://first/train-images-idx3-ubyte.gz"] = b"changed"
    with pytest.raises(SystemExit) as caught:
        domains.load("mnist", tmp_path)
    text = str(caught.value)
    assert f"its MD5 is {md5(b'changed')}, published is {md5(contents[0])}" in text
    assert "http://second/train-images-idx3-ubyte.gz: no such host" in text
    with pytest.raises(SystemExit, match="pacs_32 can't be fetched: its home is https"):
        domains.load("pacs_photo", tmp_path)
    with pytest.raises(ValueError, match="'cifar', 'train': there are"):
        domains.load("cifar", tmp_path)


def test_usps_from_its_lines(domains, homes, monkeypatch, tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (6, 256))
    for split, (file, _) in homes.USPS_FILES.items():
        lines = [
            f"{label + 1} " + " ".join(f"{i + 1}:{v / 127.5 - 1:.4f}" for i, v in enumerate(row))
            for label, row in enumerate(levels)
        ]
        content = bz2.compress("\n".join(lines).encode())
        homes.files[homes.USPS_HOME + file] = content
        monkeypatch.setitem(homes.USPS_FILES, split, (file, md5(content)))
    digits = domains.load("usps", tmp_path, size=16)
    np.testing.assert_allclose(digits.pictures.reshape(6, 256) * 255, levels, atol=1e-4)
    np.testing.assert_array_equal(digits.labels, range(6))
    assert domains.load("usps", tmp_path).pictures.shape == (6, 1, 28, 28)


def test_omniglot_from_its_drawings(domains, homes, monkeypatch, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="drawings are PNG files")
    ink = np.zeros((105, 105), bool)
    ink[15:60, 30:45] = True  # whole pixels of the small picture: 105 / 28 = 3.75
    for file, alphabet in zip(homes.OMNIGLOT_FILES, ("Latin", "Angelic"), strict=True):
        folder, content = file.removesuffix(".zip"), io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for character in (1, 2):
                for drawer in (1, 2):
                    png = io.BytesIO()
                    drawn = ink if character == 1 else ink.T
                    image.fromarray(~drawn).save(png, "PNG")
                    number = character + 10 * (alphabet == "Latin")
                    name = f"character{character:02}/{number:04}_{drawer:02}.png"
                    archive.writestr(f"{folder}/{alphabet}/{name}", png.getvalue())
        homes.files[homes.OMNIGLOT_HOME + file] = content.getvalue()
        monkeypatch.setitem(homes.OMNIGLOT_FILES, file, md5(content.getvalue()))
    background = domains.load("omniglot", tmp_path)
    assert background.labels.tolist() == [0, 0, 1, 1]
    assert background.groups.tolist() == [1] * 4  # Latin, after Angelic
    expected = np.zeros((28, 28))
    expected[4:16, 8:12] = 1
    np.testing.assert_array_equal(background.pictures[0, 0], expected)
    np.testing.assert_array_equal(background.pictures[2, 0], expected.T)
    assert len(domains.load("omniglot", tmp_path, split="test")) == 4


def test_averages_by_hand(homes):
    picture = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    # Each of 2 x 2 pixels is 1.5 wide.
    expected = np.array([[1.0, 0.0], [0.0, 1.0]]) / 1.5**2
    np.testing.assert_allclose(homes.averaged(picture, 2), expected, rtol=1e-12)


def some(domains, n=12):
    labels = np.arange(n) % 4
    pictures = np.arange(n, dtype=np.float32).reshape(n, 1, 1, 1) / n
    return domains.Images(pictures, labels, np.zeros(n, np.int64))


def test_classes_in_another_order(domains):
    chosen = some(domains).of_classes([3, 1])
    assert chosen.labels.tolist() == [1, 0] * 3
    assert (chosen.pictures.ravel() * 12).round().astype(int).tolist() == [1, 3, 5, 7, 9, 11]


def test_some_of_each_class(domains):
    images = some(domains)
    few, others = images.of_each_class(2, seed=0)
    assert few.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    both = np.sort(np.concatenate([few.pictures.ravel(), others.pictures.ravel()]))
    np.testing.assert_array_equal(both, images.pictures.ravel())
    again = images.of_each_class(2, seed=0)[0]
    np.testing.assert_array_equal(again.pictures, few.pictures)
    with pytest.raises(ValueError, match="4 of each class: of class 0 there are 3"):
        images.of_each_class(4, seed=0)


def test_the_real_ones(domains, data_folder):
    for name, n in (("usps", 2007), ("kmnist", 10_000), ("pacs_sketch", 140)):
        images = domains.load(name, data_folder, split="test")
        assert images.pictures.shape == (n, 1, 28, 28)
        assert images.pictures.dtype == np.float32
        assert 0 <= images.pictures.min() < images.pictures.max() <= 1
    colours = domains.load("pacs_photo", data_folder, size=32, colour=True)
    assert colours.pictures.shape == (420, 3, 32, 32)
    assert np.bincount(colours.labels).tolist() == [60] * 7
    with pytest.raises(SystemExit, match="has no train split"):
        domains.load("kmnist", data_folder)
