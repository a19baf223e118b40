"""What came out as a picture: how many times better, or worse, than its target each figure is."""

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from tools.benchmarks.targets import TARGETS, Figures

_WIDTH, _ROW, _TOP, _BOTTOM = 1_000, 44, 76, 40
_LEFT, _RIGHT = 40, 960
_BAR = 12
# As many times better or worse at the least, whatever came out; all beyond a hundred times looks alike.
_NARROWEST, _WIDEST = 4.0, 100.0
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_STYLE = """
svg { background: #ffffff; font: 14px system-ui, sans-serif; }
text { fill: #1f2933; } .faint { fill: #667085; font-size: 12px; } .title { font-size: 18px; font-weight: 600; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: #e4e7ec; } .goal { stroke: #1f2933; stroke-width: 1.5; }
.reached { fill: #2f9e6e; } .missed { fill: #d1495b; }
@media (prefers-color-scheme: dark) {
  svg { background: #14181d; } text { fill: #e4e7ec; } .faint { fill: #98a2b3; }
  .grid { stroke: #2a313a; } .goal { stroke: #e4e7ec; }
}
"""


def drawn(figures: Figures, *, caption: str) -> str:
    """Draw a bar for each figure that has a target: to the right of the goal's line it is reached."""
    height = _TOP + _ROW * len(figures) + _BOTTOM
    lines = (*_frame(figures, height, caption), *_bars(figures))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    return "\n".join((head, f"<style>{_STYLE}</style>", *lines, "</svg>\n"))


def _frame(figures: Figures, height: int, caption: str) -> Iterator[str]:
    span = _span(figures)
    yield _text(_LEFT, 28, "How many times better than its target", "title")
    yield _text(_LEFT, 48, caption, "faint")
    for tick in _TICKS:
        if 1 / span <= tick <= span:
            x = _x(tick, span)
            kind = "goal" if tick == 1 else "grid"
            yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height - _BOTTOM}"/>'
            yield _text(x, height - _BOTTOM + 20, "target" if tick == 1 else f"{tick:g}×", "faint middle")


def _bars(figures: Figures) -> Iterator[str]:
    span = _span(figures)
    for row, (name, value) in enumerate(figures.items()):
        target, y = TARGETS[name], _TOP + _ROW * row
        margin = target.margin(value)
        begin, end = sorted((_x(1, span), _x(margin, span)))
        kind = "reached" if margin >= 1 else "missed"
        yield _text(_LEFT, y + 14, target.what, "")
        yield _text(_RIGHT, y + 14, f"{target.shown(value)}   ({target.words})", "faint end")
        # A goal that is just met has a bar too.
        width = max(2.0, end - begin)
        yield f'<rect class="{kind}" x="{begin:.1f}" y="{y + 20}" width="{width:.1f}" height="{_BAR}" rx="2"/>'


def _span(figures: Figures) -> float:
    margins = [TARGETS[name].margin(value) for name, value in figures.items()]
    farthest = max((max(margin, 1 / max(margin, 1 / _WIDEST)) for margin in margins), default=1.0)
    return min(_WIDEST, max(_NARROWEST, farthest))


def _x(margin: float, span: float) -> float:
    """Give the place of a margin on a scale of ratios: twice as good is as far as half as good, on the other side."""
    share = math.log(min(max(margin, 1 / span), span)) / math.log(span)
    return _LEFT + (_RIGHT - _LEFT) * (1 + share) / 2


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
