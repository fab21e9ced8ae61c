"""The curves as one SVG picture, without a plotting library."""

from collections.abc import Sequence
from html import escape

from evals.endpointing_curve import AT_SHARE, Curve

WIDTH, HEIGHT = 720, 440
_LEFT, _TOP, _RIGHT, _BOTTOM = 60, 24, 20, 52
_MOST_DELAY = 2.5
_COLOURS = ("#6b6b6b", "#c2571a", "#1f6fb2", "#2b8a3e")


def svg(curves: Sequence[Curve], title: str) -> str:
    """Share of cut-ins (across) against mean delay (up); a dot is the setting that ships."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="16" font-weight="bold">{escape(title)}</text>',
        *_axes(),
    ]
    for number, curve in enumerate(curves):
        parts += _curve(curve, _COLOURS[number % len(_COLOURS)], number)
    return "\n".join([*parts, "</svg>\n"])


def _x(share: float) -> float:
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _y(delay: float) -> float:
    part = min(delay, _MOST_DELAY) / _MOST_DELAY
    return round(HEIGHT - _BOTTOM - part * (HEIGHT - _TOP - _BOTTOM), 1)


def _axes() -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        x = _x(tenth / 10)
        parts.append(_line(x, _y(0), x, _y(_MOST_DELAY), "#e4e4e4"))
        parts.append(f'<text x="{x}" y="{_y(0) + 18}" text-anchor="middle">{10 * tenth} %</text>')
    for half in range(6):
        y = _y(half / 2)
        parts.append(_line(_x(0), y, _x(1), y, "#e4e4e4"))
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{half / 2:.1f} s</text>')
    parts.append(_line(_x(AT_SHARE), _y(0), _x(AT_SHARE), _y(_MOST_DELAY), "#999999"))
    parts.append(
        f'<text x="{_x(0.5)}" y="{HEIGHT - 12}" text-anchor="middle">'
        "pauses within turns that the agent speaks into</text>"
    )
    parts.append(f'<text x="{_x(AT_SHARE) + 4}" y="{_y(0) - 6}">compared here</text>')
    return parts


def _curve(curve: Curve, colour: str, number: int) -> list[str]:
    places = " ".join(
        f"{_x(share)},{_y(delay)}"
        for share, delay in zip(curve.shares, curve.delays, strict=True)
        if delay <= _MOST_DELAY
    )
    y = _TOP + 16 + 18 * number
    parts = [
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>',
        _line(_x(0.62), y, _x(0.67), y, colour),
        f'<text x="{_x(0.68)}" y="{y + 4}">{escape(curve.name)}</text>',
    ]
    if curve.shipped is not None:
        share, delay = curve.shares[curve.shipped], curve.delays[curve.shipped]
        parts.append(f'<circle cx="{_x(share)}" cy="{_y(delay)}" r="4" fill="{colour}"/>')
    return parts


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="{colour}"/>'
