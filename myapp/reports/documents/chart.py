"""Charts of printed reports: few bars lie, with their label and value beside them; many stand on an axis."""

import math
from typing import TYPE_CHECKING, Any

from .content import Chart
from .page import ACCENT, GREY, INK, ROOM, SMALL, TINT, ink
from .typeface import Typeface

if TYPE_CHECKING:
    from reportlab.graphics.shapes import Drawing

LYING = 12
"""More bars than these stand."""

BAR = 20.0
LABELS = 150.0
VALUES = 76.0
STANDING_HEIGHT = 170.0
MAX_LABELS = 12


def height_of(chart: Chart) -> float:
    return BAR * max(1, len(chart.labels)) if len(chart.labels) <= LYING else STANDING_HEIGHT


def draw_chart(chart: Chart, face: Typeface) -> "Drawing":
    from reportlab.graphics.shapes import Drawing

    drawing = Drawing(ROOM, height_of(chart))
    heights = [finite(value) for value in chart.values]
    if not heights:
        label(drawing, face, 0, 6, "Nothing to show.", GREY)
    elif len(heights) <= LYING:
        lie(drawing, chart, heights, face)
    else:
        stand(drawing, chart, heights, face)
    return drawing


def lie(drawing: "Drawing", chart: Chart, heights: list[float], face: Typeface) -> None:
    from reportlab.graphics.shapes import Rect

    room = ROOM - LABELS - VALUES
    most = max(map(abs, heights)) or 1.0
    for row, (name, value, height) in enumerate(zip(chart.labels, chart.values, heights, strict=True)):
        y = drawing.height - BAR * (row + 1)
        length = room * (abs(height) / most)
        label(drawing, face, 0, y + 7, face.lines(name, SMALL, LABELS - 8, 1)[0])
        drawing.add(Rect(LABELS, y + 3, length, BAR - 7, fillColor=ink(ACCENT), strokeColor=None))
        label(drawing, face, LABELS + length + 5, y + 7, face.lines(figure(value or 0), SMALL, VALUES - 5, 1)[0])


def stand(drawing: "Drawing", chart: Chart, heights: list[float], face: Typeface) -> None:
    from reportlab.graphics.charts.barcharts import VerticalBarChart

    bars = VerticalBarChart()
    bars.x, bars.y, bars.width, bars.height = 52, 22, ROOM - 56, drawing.height - 32
    bars.data = [heights]
    bars.bars[0].fillColor = ink(ACCENT)
    bars.bars[0].strokeColor = None
    bars.groupSpacing = 2
    every = math.ceil(len(heights) / MAX_LABELS)
    room = bars.width / MAX_LABELS
    names = [face.lines(name, SMALL, room, 1)[0] for name in chart.labels]
    bars.categoryAxis.categoryNames = ["" if index % every else name for index, name in enumerate(names)]
    bars.categoryAxis.visibleTicks = False
    bars.valueAxis.visibleGrid = True
    bars.valueAxis.gridStrokeColor = ink(TINT)
    bars.valueAxis.labelTextFormat = figure
    bars.valueAxis.valueMin = min(0.0, *heights)
    bars.valueAxis.valueMax = max(1.0, *heights)
    for axis in (bars.categoryAxis, bars.valueAxis):
        axis.labels.fontName, axis.labels.fontSize = face.name, SMALL
        axis.labels.fillColor = ink(INK)
        axis.strokeColor = ink(TINT)
    drawing.add(bars)


def label(drawing: "Drawing", face: Typeface, x: float, y: float, printable: str, colour: str = INK) -> None:
    from reportlab.graphics.shapes import String

    drawing.add(String(x, y, printable, fontName=face.name, fontSize=SMALL, fillColor=ink(colour)))


def finite(value: Any) -> float:
    """How long the bar of ``value`` is; what is no number has none."""
    height = float(value or 0)
    return height if math.isfinite(height) else 0.0


def figure(value: Any) -> str:
    """With thousands separated, and decimals where it has some."""
    return f"{value:,.2f}".removesuffix(".00")
