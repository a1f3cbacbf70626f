"""Parquet, by pyarrow: features in numeric columns or in one column of lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._checks import from_extra
from transferscore.io._files import (
    FileError,
    Role,
    Stored,
    StoredMatrix,
    check_compressed,
    choose,
    decoding,
    error,
    named,
    open_regular,
    strings,
)

_ROWS = 4096  # decoded at once
_LABELS = "labels"


@contextmanager
def read(path: Path, name: str, role: Role) -> Iterator[Stored]:
    """Columns of the file, of which rows are read on request; labels are read at once."""
    with _opened(path, name) as (arrow, stream):
        stored = path.stat().st_size
        with decoding(name, "Parquet file"):
            file = _file(arrow, stream)
            types = {field.name: _plain(field.type) for field in file.schema_arrow}
            if len(types) < len(file.schema_arrow):
                raise error(name, "must have columns of different names, has two of one")
            if not role.asked:  # pandas stores the names of rows as a column, too
                index = (file.schema_arrow.pandas_metadata or {}).get("index_columns", [])
                types = {column: kind for column, kind in types.items() if column not in index}
            if role.ndims == (1,):
                column = choose(list(types), name, role)
                if _is_text(arrow, types[column]):
                    loaded = strings(_texts(arrow, stream, column, name), stored, name)
                else:
                    of_labels = {column: types[column]}
                    loaded = _Columns(file, of_labels, stored, name, role).vector()
            else:
                chosen = {column: types[column] for column in _chosen(arrow, types, name, role)}
                columns = _Columns(file, chosen, stored, name, role)
        yield loaded if role.ndims == (1,) else columns.matrix()


def names(path: Path) -> list[str]:
    """The names of the columns; several of them have features among them."""
    with _opened(path, named(path)) as (arrow, stream):
        columns = _file(arrow, stream).schema_arrow.names
    return [*columns, "features"] if len(columns) > 1 else list(columns)


class _Columns:
    """Numeric columns, or one of lists, as a matrix that is read from its first row on."""

    def __init__(
        self, file: Any, types: dict[str, Any], stored: int, name: str, role: Role
    ) -> None:
        """Of columns of these types, all of the same kind."""
        self._file, self._columns, self._name = file, list(types), name
        first = next(iter(types.values()))
        of_lists = len(types) == 1 and hasattr(first, "value_type")
        self._of_lists = of_lists and role.ndims != (1,)
        kinds = {column: first.value_type if self._of_lists else types[column] for column in types}
        dtypes = [_dtype(kind, column, name, role) for column, kind in kinds.items()]
        self._dtype = np.result_type(*dtypes)
        n, d = file.metadata.num_rows, len(types)
        if self._of_lists and n > 0:
            d = self._width()
        self._shape = (n,) if role.ndims == (1,) else (n, d)
        check_compressed(self._shape, self._dtype, stored, name, role)
        self._begin()

    def matrix(self) -> StoredMatrix:
        return StoredMatrix(self._shape, self._dtype, self._rows)

    def vector(self) -> NDArray[Any]:
        return self._rows(0, self._shape[0])[:, 0]

    def _begin(self) -> None:
        """Go to the first row."""
        self._batches = self._file.iter_batches(batch_size=_ROWS, columns=self._columns)
        self._at = 0
        self._left: NDArray[Any] = np.empty((0, self._shape[-1]), self._dtype)

    def _width(self) -> int:
        (first,) = next(self._file.iter_batches(batch_size=1, columns=self._columns)).columns
        return int(self._lists(first).shape[1])

    def _rows(self, first: int, last: int) -> NDArray[Any]:
        width = self._shape[1] if len(self._shape) == 2 else 1
        rows = np.empty((last - first, width), self._dtype)
        with decoding(self._name, "Parquet file"):
            if first < self._at:
                self._begin()
            while self._at < last:
                if not len(self._left):
                    self._left = self._decoded(next(self._batches, None), width)
                skipped = min(max(first - self._at, 0), len(self._left))
                taken = min(last - self._at, len(self._left))
                if taken > skipped:
                    begin = self._at + skipped - first
                    rows[begin : begin + taken - skipped] = self._left[skipped:taken]
                self._at += taken
                self._left = self._left[taken:]
        return rows

    def _decoded(self, batch: Any, width: int) -> NDArray[Any]:
        if batch is None:
            raise error(self._name, "must hold the rows that it declares, ends too early")
        if self._of_lists:
            values = self._lists(batch.column(0))
            if values.shape[1] != width:
                raise self._ragged(width, values.shape[1])
            return values
        arrays = [_values(batch.column(i), c, self._name) for i, c in enumerate(self._columns)]
        return np.stack(arrays, axis=1).astype(self._dtype, copy=False)

    def _lists(self, array: Any) -> NDArray[Any]:
        """The lists of a batch as rows."""
        array = _storage(array)
        column = self._columns[0]
        _refuse_missing(array, column, self._name)
        if hasattr(array.type, "list_size"):
            lengths = np.array([array.type.list_size])
        else:
            lengths = np.unique(array.value_lengths().to_numpy(zero_copy_only=False))
        if len(lengths) > 1:
            raise self._ragged(lengths[0], lengths[1])
        return _values(array.flatten(), column, self._name).reshape(len(array), lengths[0])

    def _ragged(self, one: int, other: int) -> FileError:
        return error(
            self._name,
            f"must hold lists of one length, column {named(self._columns[0])} has lists of {one} "
            f"and of {other} values",
        )


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[Any, Any]]:
    arrow = from_extra("io", "pyarrow")
    with open_regular(path, name) as stream:
        yield arrow, stream


def _file(arrow: Any, stream: Any, **options: Any) -> Any:
    from_extra("io", "pyarrow.parquet")
    return arrow.parquet.ParquetFile(
        stream, pre_buffer=False, page_checksum_verification=True, **options
    )


def _chosen(arrow: Any, types: dict[str, Any], name: str, role: Role) -> list[str]:
    """The columns asked for; `features`; the only one of lists; or all but the labels."""
    for key in role.asked:
        choose(list(types), name, replace(role, key=key, asked=(key,)))
    if role.asked:
        return list(role.asked)
    if role.key in types:
        return [role.key]
    lists = [column for column, kind in types.items() if _is_list(arrow, kind)]
    chosen = lists if len(lists) == 1 else [column for column in types if column != _LABELS]
    return chosen or [choose(list(types), name, role)]


def _plain(kind: Any) -> Any:
    """The type of what is stored, without what gives it a meaning, and of what codes stand for."""
    kind = getattr(kind, "storage_type", kind)
    return kind.value_type if hasattr(kind, "index_type") else kind


def _storage(array: Any) -> Any:
    array = getattr(array, "storage", array)
    return array.dictionary_decode() if hasattr(array, "dictionary_decode") else array


def _is_list(arrow: Any, kind: Any) -> bool:
    of = arrow.types
    return bool(of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind))


def _is_text(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind))


def _dtype(kind: Any, column: str, name: str, role: Role) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
    except NotImplementedError:
        dtype = np.dtype(object)
    if dtype.kind not in role.kinds or dtype.hasobject:
        text = f"must hold {role.values}, column {named(column)} holds {kind}"
        raise error(name, text + " (`key` chooses columns)" * (not role.asked))
    return dtype


def _values(array: Any, column: str, name: str) -> NDArray[Any]:
    array = _storage(array)
    _refuse_missing(array, column, name)
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values


def _refuse_missing(array: Any, column: str, name: str) -> None:
    if array.null_count:
        raise error(name, f"must have no missing values, column {named(column)} has some")


def _texts(arrow: Any, stream: Any, column: str, name: str) -> Iterator[list[str]]:
    """Strings of some rows; as codes until then, since a short code may stand for a long string."""
    file = _file(arrow, stream, read_dictionary=[column])
    for batch in file.iter_batches(batch_size=_ROWS, columns=[column]):
        array = batch.column(0)
        _refuse_missing(array, column, name)
        if not hasattr(array, "dictionary"):
            array = array.dictionary_encode()
        codes, places = np.unique(array.indices.to_numpy(), return_inverse=True)
        values = array.dictionary.take(arrow.array(codes)).to_pylist()
        yield [values[place] for place in places]
