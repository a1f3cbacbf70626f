"""Results that are tables: text, Markdown, HTML, JSON, CSV and data frames of one content."""

import csv
import html.parser
import io
import json
import re
from dataclasses import dataclass

import numpy as np
import pytest

import transferscore
from transferscore import _checks
from transferscore.ranking._tabular import Sheet, Tabular

HOSTILE = ["plain", "a|b*c_", "<script>alert('&')</script>", 'q"u,o\n\x1b[31mte', "模型", "_x_"]


@dataclass(frozen=True)
class Plain(Tabular):
    """The columns are shown as they are."""

    KIND = "plain"
    columns: dict

    def _columns(self):
        return self.columns

    def _about(self):
        return {"sizes": np.arange(3), "worst": float("nan"), "by": {"a": np.float32(0.5)}}


class Short(Plain):
    """People see less."""

    def _sheet(self):
        rows = [(name, value) for name, value in zip(*self.columns.values(), strict=True)]
        return Sheet(("Name", "Value"), rows, "lr", title="T <1>", notes=("n & m", "o|p"))


def table(kind=Plain, **columns):
    return kind(columns or {"name": HOSTILE, "value": [1.5, None, np.nan, -np.inf, 2, True]})


def test_dictionary_is_what_json_says():
    result = table()
    content = json.loads(result.to_json())
    assert content == result.to_dict()
    assert content["schema"] == "transferscore/plain/1"
    assert content["transferscore_version"] == transferscore.__version__
    assert content["sizes"] == [0, 1, 2]
    assert content["worst"] is None
    assert content["by"] == {"a": 0.5}
    assert [row["name"] for row in content["rows"]] == HOSTILE
    assert [row["value"] for row in content["rows"]] == [1.5, None, None, None, 2, True]


def test_full_precision_comes_back():
    values = [0.1 + 0.2, np.float64(1) / 3, np.float64(5e-324), 2**60]
    result = table(value=values)
    assert [row["value"] for row in json.loads(result.to_json())["rows"]] == values
    assert [float(row["value"]) for row in csv.DictReader(io.StringIO(result.to_csv()))] == values


def test_csv_reads_back():
    rows = list(csv.reader(io.StringIO(table().to_csv())))
    assert rows[0] == ["name", "value"]
    assert [row[1] for row in rows[1:]] == ["1.5", "", "nan", "-inf", "2", "True"]
    assert rows[4][0] == 'q"u,o\\n\\x1b[31mte'
    assert [row[0] for row in rows[1:4]] == HOSTILE[:3]


def test_files_have_the_text(tmp_path):
    result = table()
    for write in (result.to_json, result.to_csv, result.to_markdown):
        path = tmp_path / "result"
        assert write(path) == write() == path.read_bytes().decode()
        assert write(str(path)) == write()


def test_text_is_aligned_and_harmless():
    lines = str(table()).splitlines()
    assert len(lines) == 2 + len(HOSTILE)
    assert "\x1b" not in str(table())
    assert {re.sub("[^ -]", "", line) for line in lines[1:2]} == {lines[1]}
    ends = [line.rstrip() for line in lines]
    assert ends[2].endswith("  1.5000")
    assert ends[3] == "a|b*c_"  # nothing for None
    assert ends[6].startswith("模型 ")
    # Two columns for a wide sign: what comes behind stands where it does in other lines.
    assert len(ends[6]) + 2 == len(ends[2])


def test_people_see_the_sheet():
    result = table(Short)
    assert str(result).startswith("T <1>\nName")
    assert str(result).endswith("\nnote: n & m\nnote: o|p")
    assert result.to_markdown().startswith("T \\<1\\>\n\n| Name | Value |\n| :--- | ---: |\n")
    assert result.to_markdown().endswith("\n\n- n \\& m\n- o\\|p\n")


def test_markdown_has_a_row_for_each():
    lines = table().to_markdown().splitlines()
    assert lines[:2] == ["| name | value |", "| :--- | ---: |"]
    for line in lines:
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
    assert "a\\|b\\*c\\_" in lines[3]
    assert "\\<script\\>" in lines[4]


class Cells(html.parser.HTMLParser):
    """Collects the text of the cells and every tag."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.tags, self.open = [], set(), None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.open = tag
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, text):
        if self.open in ("td", "th"):
            self.cells[-1] += text


def test_html_is_escaped():
    found = Cells(table(Short)._repr_html_())
    assert found.tags == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert found.cells[:4] == ["Name", "Value", "plain", "1.5000"]
    assert found.cells[6] == HOSTILE[2]
    assert "T &lt;1&gt;" in table(Short)._repr_html_()


def test_pandas():
    pandas = pytest.importorskip("pandas", reason="compares with pandas")
    frame = table(name=["a", "b"], value=[np.float64(0.5), np.nan], count=[1, 2]).to_dataframe()
    expected = pandas.DataFrame({"name": ["a", "b"], "value": [0.5, np.nan], "count": [1, 2]})
    pandas.testing.assert_frame_equal(frame, expected)


def test_polars():
    polars = pytest.importorskip("polars", reason="compares with polars")
    frame = table(name=["a", "b"], value=[np.float64(0.5), None]).to_dataframe("polars")
    assert frame.equals(polars.DataFrame({"name": ["a", "b"], "value": [0.5, None]}))


def test_errors(monkeypatch):
    with pytest.raises(ValueError, match="`library` must be 'pandas' or 'polars', got 'spark'"):
        table().to_dataframe("spark")

    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(_checks.transport.importlib, "import_module", missing)
    text = r"this needs polars, which is not installed; pip install 'transferscore\[dataframe\]'"
    with pytest.raises(ModuleNotFoundError, match=text):
        table().to_dataframe("polars")


def test_columns_of_different_length_are_an_error():
    with pytest.raises(ValueError, match="longer"):
        table(a=[1], b=[1, 2]).to_csv()


def test_empty_table():
    result = table(a=[], b=[])
    assert result.to_dict()["rows"] == []
    assert result.to_csv() == "a,b\n"
    assert str(result).splitlines() == ["a  b", "-  -"]
