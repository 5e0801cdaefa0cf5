"""How gochan's objects look in a notebook: a small table, as they are at that moment."""

from __future__ import annotations

from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def table(
    title: str, rows: Iterable[tuple[str, str]], meter: tuple[float, float] | None = None
) -> str:
    """A table with a line for each row.

    Args:
        title: The kind of object and its state.
        rows: What is shown, as plain text.
        meter: How full it is: a value and what would be full. Shown as a bar in the first row.
    """
    lines: list[str] = []
    for at, (name, value) in enumerate(rows):
        bar = ""
        if meter is not None and at == 0 and meter[1] > 0:
            bar = f'<meter value="{meter[0]:g}" max="{meter[1]:g}"></meter> '
        lines.append(
            f'<tr><th style="text-align:left">{escape(name)}</th>'
            f'<td style="text-align:left">{bar}{escape(value)}</td></tr>'
        )
    caption = f'<caption style="text-align:left"><b>{escape(title)}</b></caption>'
    return f'<table class="gochan">{caption}<tbody>{"".join(lines)}</tbody></table>'
