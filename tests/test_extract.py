"""Features of networks: as a hook of one's own gives them, wherever they go, killed or not."""

import json
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

import transferscore.extract._destinations as destinations
from tolerances import MERGED_STATISTICS
from transferscore import extract_features, h_score
from transferscore.extract._layers import matching

torch = pytest.importorskip("torch", reason="needs torch (extra torch)")
nn = torch.nn

N = 22
Y = torch.arange(N) % 3


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.block = nn.Conv2d(6, 8, 3)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.5)
        self.aux = nn.Linear(8, 2)  # for training only
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        h = self.relu(self.block(self.relu(self.stem(x))))
        h = self.pool(h).flatten(1)
        if self.training:
            self.aux(h)
        return self.fc(self.drop(h))


class Segmenter(nn.Module):
    """Coarse maps, and a dict as torchvision's return."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(3, 7, 3, stride=2, padding=1)
        self.head = nn.Conv2d(7, 4, 1)

    def forward(self, image):
        out = nn.functional.interpolate(
            self.head(self.backbone(image).relu()), size=image.shape[2:]
        )
        return OrderedDict(out=out, aux=out[:, :1])


class Text(nn.Module):
    """A transformer with named inputs and a mask, whose layers return tuples."""

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

        def forward(self, h, mask):
            return (self.inner(h, src_key_padding_mask=mask), "attention")

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.layers = nn.ModuleList([self.Layer(), self.Layer()])
        self.head = nn.Linear(8, 3)

    def forward(self, input_ids, attention_mask=None):
        h = self.embed(input_ids)
        for layer in self.layers:
            h, _ = layer(h, None if attention_mask is None else attention_mask == 0)
        return {"logits": self.head(h[:, 0]), "hidden": h}


def seeded(kind):
    torch.manual_seed(0)
    return kind()


@pytest.fixture
def cnn():
    return seeded(CNN)


@pytest.fixture(scope="module")
def images():
    return torch.randn(N, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def batches(x, y=None, size=5):
    """Some batches, the last a smaller one."""
    parts = [x[i : i + size] for i in range(0, len(x), size)]
    return parts if y is None else list(zip(parts, batches(y, size=size), strict=True))


def by_hand(model, layer, batches, pool):
    """The same with a hook of one's own."""
    found = []
    handle = model.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: found.append(pool(output).clone())
    )
    training = model.training
    model.eval()
    with torch.no_grad():
        for batch in batches:
            model(**batch) if isinstance(batch, dict) else model(batch)
    model.train(training)
    handle.remove()
    return torch.cat(found).numpy()


def extract(model, loader, layers, **options):
    return extract_features(model, loader, layers, progress=False, **options)


# -------------------------------------------------------------------------- as by hand


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [
        ("mean", lambda t: t.mean((2, 3))),
        ("max", lambda t: t.amax((2, 3))),
        ("flatten", lambda t: t.flatten(1)),
        ("none", lambda t: t),
        (lambda t: t[:, :, 0, 0], lambda t: t[:, :, 0, 0]),
    ],
)
@pytest.mark.parametrize("layer", ["block", "stem.1"])  # what comes next writes into both
def test_a_convolutional_network(cnn, images, layer, pooling, pool):
    found = extract(cnn, batches(images, Y), layer, pooling=pooling)
    np.testing.assert_array_equal(found.features[layer], by_hand(cnn, layer, batches(images), pool))
    np.testing.assert_array_equal(found.labels, Y)
    assert found.n == N
    assert found.features[layer].dtype == np.float32


@pytest.mark.parametrize(
    ("pooling", "pool"), [("mean", lambda t: t.mean(1)), ("cls", lambda t: t[:, 0])]
)
@pytest.mark.parametrize("layer", ["layers.0", "layers.1.linear1", "norm"])
def test_a_transformer_encoder(layer, pooling, pool):
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        2,
        nn.LayerNorm(8),
        enable_nested_tensor=False,
    )
    tokens = torch.randn(N, 7, 8)
    found = extract(encoder, batches(tokens), layer, pooling=pooling)
    expected = by_hand(encoder, layer, batches(tokens), pool)
    np.testing.assert_array_equal(found.features[layer], expected)
    assert found.labels is None


def test_named_inputs_and_tuples():
    model = seeded(Text)
    ids, mask = torch.randint(11, (N, 6)), torch.ones(N, 6, dtype=torch.int64)
    mask[:, 4:] = 0
    plain = [{"input_ids": i, "attention_mask": m} for i, m in batches(ids, mask)]
    loader = [
        {**batch, "labels": y, "path": "x"} for batch, y in zip(plain, batches(Y), strict=True)
    ]
    found = extract(model, loader, "layers.?", pooling="cls")
    assert list(found.features) == ["layers.0", "layers.1"]
    for layer, rows in found.features.items():
        np.testing.assert_array_equal(rows, by_hand(model, layer, plain, lambda t: t[0][:, 0]))
    np.testing.assert_array_equal(found.labels, Y)
    # What enters the head, which gives the first tensor that the model returns.
    np.testing.assert_array_equal(
        extract(model, loader, "last").features["last"], found.features["layers.1"]
    )


def test_a_segmentation_net(images):
    model = seeded(Segmenter)
    maps = torch.randint(4, (N, 12, 12))
    found = extract(model, batches(images, maps), ["backbone", "last", ""], pooling="none")
    assert {name: rows.shape for name, rows in found.features.items()} == {
        "backbone": (N, 7, 6, 6),
        "last": (N, 4, 12, 12),
        "": (N, 4, 12, 12),
    }
    np.testing.assert_array_equal(
        found.features["backbone"], by_hand(model, "backbone", batches(images), lambda t: t)
    )
    np.testing.assert_array_equal(found.features["last"], found.features[""])
    np.testing.assert_array_equal(found.labels, maps)


def test_last_is_before_a_linear_head_or_what_is_returned(cnn, images):
    pooled = extract(cnn, batches(images), "pool").features["pool"]
    np.testing.assert_array_equal(extract(cnn, batches(images), "last").features["last"], pooled)
    body = nn.Sequential(nn.Flatten(), nn.Linear(432, 4), nn.Tanh())
    with torch.no_grad():
        np.testing.assert_allclose(
            extract(body, batches(images), "last").features["last"],
            body(images),
            rtol=1e-5,
            atol=1e-6,
        )


def test_layers_by_name_and_pattern(cnn):
    assert matching(cnn, ["fc", "stem*", "fc"]) == ["fc", "stem", "stem.0", "stem.1", "stem.2"]
    assert matching(cnn, ["", "last"]) == ["", "last"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_types(dtype, images):
    layer = nn.Conv2d(3, 4, 3).to(getattr(torch, dtype))
    found = extract(nn.Sequential(layer), batches(images.to(layer.weight.dtype)), "0")
    assert found.features["0"].dtype == ("float64" if dtype == "float64" else "float32")
    with torch.no_grad():
        expected = layer(images.to(layer.weight.dtype)).to(torch.float64).mean((2, 3))
    np.testing.assert_allclose(
        found.features["0"], expected, atol=1e-2 if dtype == "bfloat16" else 1e-3
    )


class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 2)

    def forward(self, x, scale=None, **others):
        return self.a(x if scale is None else x * scale)


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: x,
        lambda x, y: [x],
        lambda x, y: (x, y),
        lambda x, y: (x, y.tolist()),
        lambda x, y: {"x": x, "y": y},
        lambda x, y: ({"x": x}, y),
        lambda x, y: {"x": x, "scale": torch.ones(len(x), 1), "target": y, "more": x},
    ],
)
def test_batches_of_every_kind(make):
    x = torch.randn(N, 3)
    model = Other()
    found = extract(model, [make(*batch) for batch in batches(x, Y)], "a")
    np.testing.assert_array_equal(found.features["a"], by_hand(model, "a", batches(x), lambda t: t))
    if found.labels is not None:
        np.testing.assert_array_equal(found.labels, Y)


def test_a_single_entry_may_have_any_name(images, cnn):
    found = extract(
        cnn, [{"pixels": x, "label": y, "path": "a.png"} for x, y in batches(images, Y)], "fc"
    )
    np.testing.assert_array_equal(
        found.features["fc"], extract(cnn, batches(images), "fc").features["fc"]
    )


def test_a_data_loader(cnn, images):
    data = torch.utils.data.TensorDataset(images, Y)
    found = extract(cnn, torch.utils.data.DataLoader(data, batch_size=5), "fc")
    np.testing.assert_array_equal(
        found.features["fc"], extract(cnn, batches(images), "fc").features["fc"]
    )


# ------------------------------------------------------------------------- what remains


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_as_before(cnn, images, fails):
    cnn.train()
    cnn.stem.eval()
    modes = {name: module.training for name, module in cnn.named_modules()}
    state = {name: value.clone() for name, value in cnn.state_dict().items()}
    loader = [*batches(images), torch.randn(2, 4, 12, 12)] if fails else batches(images)
    if fails:
        with pytest.raises(RuntimeError):
            extract(cnn, loader, ["fc", "last"])
    else:
        extract(cnn, loader, ["fc", "last"])
    assert hooks(cnn) == 0
    assert {name: module.training for name, module in cnn.named_modules()} == modes
    assert all(torch.equal(value, state[name]) for name, value in cnn.state_dict().items())
    assert torch.is_grad_enabled()


def test_another_device(cnn, images):
    found = extract(cnn, batches(images), "fc", device="cpu")
    assert found.features["fc"].shape == (N, 5)
    weightless = nn.Sequential(nn.Flatten())
    assert extract(weightless, batches(images), "0").features["0"].shape == (N, 432)
    seen = []
    meta = nn.Sequential(nn.Linear(3, 2), nn.Identity())
    meta[1].register_forward_hook(lambda module, inputs, output: seen.append(output.device.type))
    with pytest.raises(NotImplementedError):  # a device without numbers
        extract(meta.to_empty(device="meta"), [torch.ones(2, 3)], "1")
    cnn.fc.to_empty(device="meta")
    with pytest.raises(
        ValueError,
        match="`device` must be None for a model on several devices, which are cpu, meta",
    ):
        extract(cnn, batches(images), "fc", device="cpu")


# ------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ("stem.conv", "`layers` must name modules of the model, got 'stem.conv'; near: 'stem"),
        ("layer*", "`layers` must match modules of the model, got 'layer*'; near: "),
        ([], "`layers` must name at least one layer, got none"),
        (3, "`layers` must be a name or a sequence of names, got 3"),
        (
            ["aux"],
            "`layers` must name modules that the model calls, 'aux' was not called in a batch",
        ),
    ],
)
def test_wrong_layers(cnn, images, layers, text):
    with pytest.raises((ValueError, TypeError)) as caught:
        extract(cnn, batches(images), layers)
    assert text in str(caught.value)
    assert hooks(cnn) == 0


class Gives(nn.Module):
    """Whatever a function makes of a batch."""

    def __init__(self, make):
        super().__init__()
        self.inner = nn.Identity()
        self.make = make

    def forward(self, x):
        return self.make(x)


def sometimes_nan(x):
    return torch.where((x > 18) & (x < 20), torch.nan, 1.0).reshape(-1, 1)


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (lambda x: "text", {}, "layer '' must give a tensor, gives str"),
        (lambda x: [[], {}], {}, "layer '' must give a tensor, gives list"),
        (lambda x: x.long(), {}, "must give a dense tensor of real numbers, gives int64"),
        (
            lambda x: x.to_sparse(),
            {},
            "must give a dense tensor of real numbers, gives a nested or sparse one",
        ),
        (
            lambda x: x[:3],
            {},
            "must give the 5 samples of a batch along its first axis, gives shape (3,)",
        ),
        (
            lambda x: x.sum(),
            {},
            "must give the 5 samples of a batch along its first axis, gives shape ()",
        ),
        (sometimes_nan, {}, "layer '' must give finite numbers, gives nan at sample 19"),
        (
            lambda x: torch.ones(len(x), 2 + int(x[0]) // 10),
            {},
            "must give rows of one shape, gives (3,) after (2,)",
        ),
        (
            lambda x: x.double() if x[0] > 9 else x,
            {},
            "must give rows of one type, gives float64 after float32",
        ),
        (
            lambda x: torch.ones(len(x), 2, 3, 3),
            {"pooling": "cls"},
            "must give tokens (N, T, d) for `pooling` 'cls', gives (5, 2, 3, 3)",
        ),
        (
            lambda x: x,
            {"pooling": "median"},
            "'mean', 'max', 'cls', 'flatten', 'none' or a function, got 'median'",
        ),
        (
            lambda x: x,
            {"pooling": lambda t: t.numpy()},
            "layer '' must give a tensor, gives ndarray",
        ),
        (
            lambda x: x,
            {"statistics": True},
            "`loader` must give labels for `statistics`, got batches without",
        ),
        (
            lambda x: x,
            {"statistics": True, "out": "x"},
            "`out` must be None where `statistics` are summed, got both",
        ),
    ],
)
def test_wrong_outputs(make, options, text):
    with pytest.raises((ValueError, TypeError)) as caught:
        extract(Gives(make), batches(torch.arange(float(N))), "", **options)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("loader", "text"),
    [
        ([], "`loader` must give at least one sample, got none"),
        ([torch.ones(0, 3)], "`loader` must give at least one sample, got none"),
        (
            [3],
            "must give a tensor x, (x, y) or a dict, with samples along the first axis, got int",
        ),
        ([()], "first axis, got 0 of nothing"),
        ([(torch.ones(2, 3),) * 3], "first axis, got 3 of Tensor, Tensor, Tensor"),
        ([{"path": "x"}], "first axis, got a dict of path"),
        ([torch.tensor(3.0)], "first axis, got Tensor"),
        (
            [{"a": torch.ones(2, 3), "b": torch.ones(2, 3)}],
            "`loader` must give what `model` takes (input), got a, b",
        ),
        (
            [(torch.ones(2, 3), torch.ones(3))],
            "`loader` must give a label for each of 2 samples, got (3,)",
        ),
        ([(torch.ones(2, 3), ["a", "b"])], "`loader` must give labels that are numbers, got str"),
        ([(torch.ones(2, 3), [0, 1]), torch.ones(2, 3)], "got a batch without after others with"),
        ([torch.ones(2, 3), (torch.ones(2, 3), [0, 1])], "got labels after batches without"),
        (
            [(torch.ones(2, 3), [0, 1]), (torch.ones(2, 3), [0.5, 1])],
            "`loader` must give labels of one type, gives float64 after int64",
        ),
        (
            [(torch.ones(2, 3), [0, 1]), (torch.ones(2, 3), [[0], [1]])],
            "`loader` must give labels of one shape, gives (1,) after ()",
        ),
    ],
)
def test_wrong_loaders(loader, text):
    with pytest.raises((ValueError, TypeError)) as caught:
        extract(nn.Linear(3, 2), loader, "")
    assert text in str(caught.value)


def test_no_module():
    with pytest.raises(TypeError, match=r"`model` must be a torch.nn.Module, got function"):
        extract(by_hand, [], "x")


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"PyTorch.*'transferscore\[torch\]'"):
        extract_features(None, [], "x")


# ----------------------------------------------------------------- statistics and files


def test_straight_into_statistics(cnn, images):
    found = extract(cnn, batches(images, Y), ["block", "pool"], statistics=True)
    rows = extract(cnn, batches(images, Y), ["block", "pool"])
    assert found.features == {}
    np.testing.assert_array_equal(found.labels, Y)
    for layer, statistics in found.statistics.items():
        expected = h_score(rows.features[layer], Y)
        assert statistics.h_score() == pytest.approx(expected, rel=MERGED_STATISTICS)


def contents(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_files(cnn, images, tmp_path):
    layers = ["block", "stem.*", "last"]
    found = extract(cnn, batches(images, Y), layers, out=tmp_path / "deep" / "x")
    rows = extract(cnn, batches(images, Y), layers)
    for layer in rows.features:
        assert found.files[layer] == tmp_path / "deep" / "x" / f"{layer}.npy"
        np.testing.assert_array_equal(np.load(found.files[layer]), rows.features[layer])
        np.testing.assert_array_equal(found.features[layer], rows.features[layer])
        assert isinstance(found.features[layer], np.memmap)
    np.testing.assert_array_equal(np.load(tmp_path / "deep" / "x" / "labels.npy"), Y)
    assert len(contents(tmp_path / "deep" / "x")) == 7


def test_file_names_stay_apart(images, tmp_path):
    model = nn.Sequential(
        OrderedDict({"labels": nn.Flatten(), "a/b": nn.Linear(432, 2), "a b": nn.Tanh()})
    )
    found = extract(model, batches(images, Y), ["labels", "a/b", "a b", ""], out=tmp_path)
    assert [path.name for path in found.files.values()] == [
        "labels_.npy",
        "a_b.npy",
        "a_b_.npy",
        "model.npy",
    ]


class StopError(Exception):
    """Ends a call in the middle."""


def stopping(batches, after):
    class Loader(list):
        def __iter__(self):
            for i, batch in enumerate(list.__iter__(self)):
                if i == after:
                    raise StopError
                yield batch

    return Loader(batches)


@pytest.mark.parametrize("pooling", ["mean", "none"])
def test_resumed_files_are_the_same_to_the_byte(cnn, images, tmp_path, pooling):
    ran = []
    cnn.register_forward_hook(lambda module, inputs, output: ran.append(len(output)))
    options = {"layers": ["block", "fc"], "pooling": pooling}
    extract(cnn, batches(images, Y), out=tmp_path / "once", **options)
    ran.clear()
    for after in (0, 2, 2, 3):
        with pytest.raises(StopError):
            extract(cnn, stopping(batches(images, Y), after), out=tmp_path / "often", **options)
        assert not list((tmp_path / "often").glob("*.npy"))
    for _ in range(2):
        extract(cnn, batches(images, Y), out=tmp_path / "often", **options)
        assert contents(tmp_path / "once") == contents(tmp_path / "often")
    assert ran == [5, 5, 5, 5, 2]  # no batch twice


def test_a_loader_without_a_length(cnn, images, tmp_path):
    def generator(after):
        yield from stopping(batches(images, Y), after)

    with pytest.raises(StopError):
        extract(cnn, generator(2), "fc", out=tmp_path)
    found = extract(cnn, generator(9), "fc", out=tmp_path)
    np.testing.assert_array_equal(
        found.features["fc"], extract(cnn, batches(images), "fc").features["fc"]
    )


def test_only_the_same_call_goes_on(cnn, images, tmp_path):
    with pytest.raises(StopError):
        extract(cnn, stopping(batches(images, Y), 3), "fc", out=tmp_path)
    before = contents(tmp_path)
    other = seeded(CNN)
    with torch.no_grad():
        other.fc.bias += 1
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    for model, loader, options, text in (
        (other, batches(images, Y), {}, "of the same model to go on, '"),
        (
            cnn,
            batches(images, Y),
            {"layers": "block"},
            "of the same layers to go on, ['fc'] before, ['block'] now",
        ),
        (
            cnn,
            batches(images, Y),
            {"pooling": "max"},
            "of the same pooling to go on, 'mean' before, 'max' now",
        ),
        (
            cnn,
            batches(images[5:], Y[5:]),
            {},
            "of the same number of batches to go on, 5 before, 4 now",
        ),
        (
            cnn,
            batches(images[order], Y[order]),
            {},
            "`loader` must give the 3 batches of the former call again",
        ),
        (
            cnn,
            batches(images[order], Y),
            {},
            "`loader` must give the 3 batches of the former call again",
        ),
        (cnn, batches(images), {}, "`loader` must give the 3 batches of the former call again"),
    ):
        with pytest.raises(ValueError, match="resume=False") as caught:
            extract(model, loader, **{"layers": "fc", "out": tmp_path, **options})
        assert text in str(caught.value)
        assert contents(tmp_path) == before
    found = extract(other, batches(images[order]), "fc", out=tmp_path, resume=False)
    np.testing.assert_array_equal(
        found.features["fc"], extract(other, batches(images[order]), "fc").features["fc"]
    )


def test_whole_files_are_of_the_same_loader(cnn, images, tmp_path):
    extract(cnn, iter(batches(images)), "fc", out=tmp_path)
    for loader in (batches(images)[:-1], [*batches(images), images], batches(images + 1)):
        with pytest.raises(ValueError, match="`loader` must give the 5 batches of the former call"):
            extract(cnn, iter(loader), "fc", out=tmp_path)


def test_damaged_folders(cnn, images, tmp_path):
    np.save(tmp_path / "fc.npy", np.ones(3))
    with pytest.raises(FileExistsError, match=r"has 'fc.npy' and no record of it \(`resume=False`"):
        extract(cnn, batches(images), "fc", out=tmp_path)
    with pytest.raises(StopError):
        extract(cnn, stopping(batches(images), 3), "fc", out=tmp_path, resume=False)
    part = tmp_path / "fc.npy.part"
    part.write_bytes(part.read_bytes() + b"more than the record says")
    extract(cnn, batches(images), "fc", out=tmp_path)
    with pytest.raises(StopError):
        extract(cnn, stopping(batches(images), 3), "fc", out=tmp_path, resume=False)
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"'fc.npy.part' is shorter \(`resume=False`"):
        extract(cnn, batches(images), "fc", out=tmp_path)
    for text in ("", "{}", "[]", json.dumps({"format": "x"})):
        (tmp_path / destinations.RECORD).write_text(text)
        with pytest.raises(
            ValueError, match=r"a whole record of a former call, 'extraction.json' is none"
        ):
            extract(cnn, batches(images), "fc", out=tmp_path)


def test_killed_while_files_get_their_names(cnn, images, tmp_path, monkeypatch):
    extract(cnn, batches(images, Y), ["fc", "block"], out=tmp_path / "once")
    with monkeypatch.context() as patch:
        patch.setattr(destinations._Stream, "rename", lambda self: (_ for _ in ()).throw(StopError))
        with pytest.raises(StopError):
            extract(cnn, batches(images, Y), ["fc", "block"], out=tmp_path / "x")
    (tmp_path / "x" / "fc.npy.part").rename(tmp_path / "x" / "fc.npy")
    extract(cnn, batches(images, Y), ["fc", "block"], out=tmp_path / "x")
    assert contents(tmp_path / "once") == contents(tmp_path / "x")


SCRIPT = """
import torch
from transferscore import extract_features

class Loader:
    def __len__(self):
        return 10

    def __iter__(self):
        for i in range(10):
            yield x[4 * i : 4 * i + 4], torch.arange(4)

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
x = torch.randn(40, 3, 8, 8)
extract_features(model, Loader(), ["0", "1"], pooling="none", out=folder)
"""
KILLED = """
import os, signal, sys
import transferscore.extract._destinations as destinations

folder, append, count = sys.argv[1], destinations._Stream.append, 0

def killed(self, rows):
    global count
    append(self, rows)
    count += 1
    if count == 14:  # in the middle of the fifth batch
        self._file.flush()
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

destinations.CHECKPOINT_SECONDS = 0
destinations._Stream.append = killed
"""


def test_killed_and_resumed(tmp_path):
    """With part of a batch behind what the record counts."""
    exec(SCRIPT, {"folder": tmp_path / "once"})
    command = [sys.executable, "-c", KILLED + SCRIPT, str(tmp_path / "twice")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr == ""
    record = json.loads((tmp_path / "twice" / destinations.RECORD).read_text())
    assert (record["batches"], record["n"], record["complete"]) == (4, 16, False)
    exec(SCRIPT, {"folder": tmp_path / "twice"})
    assert contents(tmp_path / "once") == contents(tmp_path / "twice")


def test_progress_is_for_terminals(cnn, images, capsys):
    extract_features(cnn, batches(images), "fc")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
