"""Charts in PDF reports: a few horizontal bars with label and value, or many vertical bars on an axis."""

import math
from typing import TYPE_CHECKING, Any

from .content import CellKind, Chart
from .page import ACCENT, CONTENT_WIDTH, GREY, INK, SMALL, TINT, to_color
from .typeface import Line, Typeface

if TYPE_CHECKING:
    from reportlab.graphics.shapes import Drawing

MAX_HORIZONTAL_BARS = 12
"""A chart with more bars has vertical ones."""

BAR_HEIGHT = 20.0
LABEL_WIDTH = 150.0
VALUE_WIDTH = 76.0
VERTICAL_HEIGHT = 170.0
MAX_LABELS = 12


def height_of(chart: Chart) -> float:
    return BAR_HEIGHT * max(1, len(chart.labels)) if len(chart.labels) <= MAX_HORIZONTAL_BARS else VERTICAL_HEIGHT


def draw_chart(chart: Chart, face: Typeface) -> "Drawing":
    from reportlab.graphics.shapes import Drawing

    drawing = Drawing(CONTENT_WIDTH, height_of(chart))
    heights = [bar_length(value) for value in chart.values]
    if not heights:
        draw_label(drawing, 0, 6, face.line("Nothing to show."), GREY)
    elif len(heights) <= MAX_HORIZONTAL_BARS:
        draw_horizontal_bars(drawing, chart, heights, face)
    else:
        draw_vertical_bars(drawing, chart, heights, face)
    return drawing


def draw_horizontal_bars(drawing: "Drawing", chart: Chart, heights: list[float], face: Typeface) -> None:
    from reportlab.graphics.shapes import Rect

    width = CONTENT_WIDTH - LABEL_WIDTH - VALUE_WIDTH
    most = max(map(abs, heights)) or 1.0
    for row, (name, value, height) in enumerate(zip(chart.labels, chart.values, heights, strict=True)):
        y = drawing.height - BAR_HEIGHT * (row + 1)
        length = width * (abs(height) / most)
        draw_label(drawing, 0, y + 7, face.wrap(name, SMALL, LABEL_WIDTH - 8, 1)[0])
        drawing.add(Rect(LABEL_WIDTH, y + 3, length, BAR_HEIGHT - 7, fillColor=to_color(ACCENT), strokeColor=None))
        draw_label(drawing, LABEL_WIDTH + length + 5, y + 7, face.line(format_number(value or 0, chart.kind)))


def draw_vertical_bars(drawing: "Drawing", chart: Chart, heights: list[float], face: Typeface) -> None:
    from reportlab.graphics.charts.barcharts import VerticalBarChart

    bars = VerticalBarChart()
    bars.x, bars.y, bars.width, bars.height = 52, 22, CONTENT_WIDTH - 56, drawing.height - 32
    bars.data = [heights]
    bars.bars[0].fillColor = to_color(ACCENT)
    bars.bars[0].strokeColor = None
    bars.groupSpacing = 2
    step = math.ceil(len(heights) / MAX_LABELS)
    width = bars.width / MAX_LABELS
    names = [face.simple(name)[: int(width / SMALL * 2)] for name in chart.labels]
    bars.categoryAxis.categoryNames = ["" if index % step else name for index, name in enumerate(names)]
    bars.categoryAxis.visibleTicks = False
    bars.valueAxis.visibleGrid = True
    bars.valueAxis.gridStrokeColor = to_color(TINT)
    bars.valueAxis.labelTextFormat = format_number
    bars.valueAxis.valueMin = min(0.0, *heights)
    bars.valueAxis.valueMax = max(1.0, *heights)
    for axis in (bars.categoryAxis, bars.valueAxis):
        axis.labels.fontName, axis.labels.fontSize = face.name, SMALL
        axis.labels.fillColor = to_color(INK)
        axis.strokeColor = to_color(TINT)
    drawing.add(bars)


def draw_label(drawing: "Drawing", x: float, y: float, line: Line, colour: str = INK) -> None:
    from reportlab.graphics.shapes import String

    for font, text, width in line.runs:
        drawing.add(String(x, y, text, fontName=font, fontSize=SMALL, fillColor=to_color(colour)))
        x += width * SMALL / 1000


def bar_length(value: Any) -> float:
    """Return the length of the bar for ``value``; 0 for None, infinity and NaN."""
    height = float(value or 0)
    return height if math.isfinite(height) else 0.0


def format_number(value: Any, kind: CellKind = "integer") -> str:
    """Return the number with thousands separators, and with two decimals if it is an amount or not whole."""
    text = f"{value:,.2f}"
    return text if kind == "money" else text.removesuffix(".00")
