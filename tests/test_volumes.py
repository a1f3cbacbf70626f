"""NIfTI files: what is read, one grid, hostile files."""

import gzip
import re
import struct
import sys

import numpy as np
import pytest

from tolerances import REORDERED
from transferscore.io import FileError
from transferscore.pixels import load_volume, load_volumes, region_relations

nibabel = pytest.importorskip("nibabel")

AFFINE = np.array([[-0.875, 0, 0, 90], [0, 1.125, 0, -60], [0, 0, 3.0, -10], [0, 0, 0, 1.0]])
LABELS = np.random.default_rng(0).integers(0, 4, size=(7, 6, 5)).astype(np.uint8)


def saved(path, values=LABELS, affine=AFFINE, kind=nibabel.Nifti1Image):
    nibabel.save(kind(values, affine), path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".NII"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_labels_spacing_and_affine(tmp_path, suffix, kind, dtype):
    path = saved(tmp_path / f"labels{suffix.lower()}", LABELS.astype(dtype), kind=kind)
    path = path.rename(tmp_path / f"labels{suffix}")
    volume = load_volume(path, holds="labels")
    np.testing.assert_array_equal(volume.data, LABELS)
    assert volume.data.dtype == dtype
    np.testing.assert_allclose(volume.spacing, (0.875, 1.125, 3.0), rtol=REORDERED)
    np.testing.assert_array_equal(volume.affine, AFFINE)


def test_spacing_of_a_turned_scan(tmp_path):
    turned = AFFINE.copy()
    turned[:2, :2] = np.array([[0, -1], [1, 0]]) @ AFFINE[:2, :2]
    volume = load_volume(saved(tmp_path / "a.nii", affine=turned), holds="labels")
    np.testing.assert_allclose(volume.spacing, (0.875, 1.125, 3.0), rtol=REORDERED)


def test_labels_stored_as_floats_are_integers(tmp_path):
    volume = load_volume(saved(tmp_path / "a.nii", LABELS.astype(np.float32)), holds="labels")
    assert volume.data.dtype == np.int32
    np.testing.assert_array_equal(volume.data, LABELS)


def test_intensities_are_scaled(tmp_path):
    values = np.random.default_rng(1).normal(size=(4, 5, 6)).astype(np.float32)
    volume = load_volume(saved(tmp_path / "a.nii.gz", values), holds="intensities")
    np.testing.assert_array_equal(volume.data, values)

    image = nibabel.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    image.header.set_slope_inter(0.5, 3)
    nibabel.save(image, tmp_path / "b.nii")
    scaled = load_volume(tmp_path / "b.nii", holds="intensities").data
    expected = np.asarray(nibabel.load(tmp_path / "b.nii").dataobj)
    np.testing.assert_array_equal(scaled, expected)


def test_a_fourth_axis_of_one_volume_is_left_out(tmp_path):
    volume = load_volume(saved(tmp_path / "a.nii", LABELS[..., np.newaxis]), holds="labels")
    assert volume.data.shape == LABELS.shape


def test_from_files_to_relations(tmp_path):
    nested = (LABELS > 0).astype(np.uint8), (LABELS > 1).astype(np.uint8)
    paths = [saved(tmp_path / f"{i}.nii.gz", mask) for i, mask in enumerate(nested)]
    whole, core = load_volumes(paths, holds="labels")
    (relation,) = region_relations(whole.data, core.data, spacing=whole.spacing)
    assert relation.kind == "superset"
    assert relation.size_b == pytest.approx(np.sum(LABELS > 1) * 0.875 * 1.125 * 3, rel=REORDERED)


# --------------------------------------------------------------------------------- grids differ


def test_one_grid(tmp_path):
    nearly = AFFINE.copy()
    nearly[0, 3] += 1e-4  # what rounding in headers does
    paths = [saved(tmp_path / "a.nii"), saved(tmp_path / "b.nii", affine=nearly)]
    assert len(load_volumes(paths, holds="labels")) == 2
    assert load_volumes([], holds="labels") == []


@pytest.mark.parametrize("change", ["shift", "spacing", "flip", "shape"])
def test_grids_that_differ_are_refused(tmp_path, change):
    values, affine = LABELS, AFFINE.copy()
    if change == "shift":
        affine[2, 3] += 3
        text = "lies up to 3 off"
    elif change == "spacing":
        affine[2, 2] = 3.5
        text = "lies up to 2 off"  # 4 voxels of half a millimetre
    elif change == "flip":
        affine[0] *= -1
        text = "lies up to 180 off"
    else:
        values, text = LABELS[:-1], "has shape (6, 6, 5), not (7, 6, 5)"
    paths = [saved(tmp_path / "a.nii"), saved(tmp_path / "b.nii", values, affine)]
    with pytest.raises(FileError) as caught:
        load_volumes(paths, holds="labels")
    assert str(caught.value) == (
        f"'{paths[1]}' must lie on the grid of '{paths[0]}', {text}; resample it first, labels by "
        "nearest neighbour"
    )


# -------------------------------------------------------------------------------------- refusals


def damaged(content, at, form, *values):
    """A file with some fields of its header changed."""
    changed = bytearray(content)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


def as_nifti(values):
    return nibabel.Nifti1Image(values, AFFINE).to_bytes()


GOOD = as_nifti(LABELS)
HUGE = damaged(GOOD, 42, "<3h", 32767, 32767, 32767)
DAMAGED = "must be a NIfTI file, is a damaged one"
TOO_SMALL = "of uint8, is too small for them"

HOSTILE = {
    "empty.nii": (b"", DAMAGED),
    "text.nii": (b"not a scan at all", DAMAGED),
    "pickle.nii": (b"\x80\x04K\x01." * 100, DAMAGED),
    "header_cut.nii": (GOOD[:100], DAMAGED),
    "data_cut.nii": (GOOD[:-1], f"must hold 210 bytes for shape (7, 6, 5) {TOO_SMALL}"),
    "huge.nii": (HUGE, "must hold 35,181,150,961,663 bytes for shape (32767, 32767, 32767)"),
    "bomb.nii.gz": (gzip.compress(HUGE), "must hold 35,181,150,961,663 bytes for shape (32767"),
    "negative.nii": (damaged(GOOD, 42, "<h", -5), "must"),
    "no_type.nii": (damaged(GOOD, 70, "<h", 9999), DAMAGED),
    "cut.nii.gz": (gzip.compress(GOOD)[:-40], DAMAGED),
    "plain.nii.gz": (GOOD, DAMAGED),
    "flat.nii": (as_nifti(LABELS[0]), "must have shape (x, y, z), has shape (6, 5)"),
    "time.nii": (
        as_nifti(np.stack([LABELS] * 2, axis=-1)),
        "must have shape (x, y, z), has shape (7, 6, 5, 2)",
    ),
    "complex.nii": (
        as_nifti(LABELS.astype(np.complex64)),
        "must hold real numbers, holds complex64",
    ),
    "half.nii": (as_nifti(LABELS + 0.5), "must hold whole numbers as labels, holds "),
    "nan.nii": (
        as_nifti(np.full((2, 2, 2), np.nan)),
        "must hold whole numbers as labels, holds nan",
    ),
    "singular.nii": (
        damaged(GOOD, 312, "<4f", 0, 0, 0, 0),
        "must place its voxels in space, has an affine that is singular",
    ),
    "nowhere.nii": (
        damaged(GOOD, 312, "<f", np.nan),
        "must place its voxels in space, has an affine that is singular",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(tmp_path, name):
    content, expected = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        load_volume(path, holds="labels")
    text = str(caught.value)
    assert text.startswith(f"'{path}' {expected}")
    assert "\n" not in text


def test_not_a_volume(tmp_path):
    for path, text in (
        (tmp_path / "a.nii", "must be a file, does not exist"),
        (tmp_path / "a.npy", "must be a .nii or .nii.gz file, has another suffix"),
        (tmp_path / "a\nb.png", "a\\nb.png' must be a .nii or .nii.gz file"),
    ):
        with pytest.raises(FileError, match=re.escape(text)):
            load_volume(path, holds="labels")
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(FileError, match="must be a file, is none"):
        load_volume(tmp_path / "folder.nii", holds="labels")
    with pytest.raises(ValueError, match="`holds` must be 'labels' or 'intensities', got 'masks'"):
        load_volume(saved(tmp_path / "b.nii"), holds="masks")


def test_without_nibabel(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs nibabel.*'transferscore\[io\]'"):
        load_volume(tmp_path / "a.nii", holds="labels")
