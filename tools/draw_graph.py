"""Puts the picture of the compiled dialogue graph into README.md.

python tools/draw_graph.py            # rewrites the picture
python tools/draw_graph.py --check    # exits with 1 if it is stale
"""

import re
import sys
from pathlib import Path

from graph.services import build_services
from graph.settings import Settings

README = Path(__file__).parent.parent / "README.md"
_BLOCK = re.compile(r"(?<=<!-- graph -->\n).*?(?=<!-- /graph -->)", re.DOTALL)


def picture() -> str:
    """The graph as LangGraph itself draws it, in Mermaid, fenced for Markdown."""
    drawn = build_services(Settings(checkpoints=False)).graph().get_graph().draw_mermaid()
    return f"```mermaid\n{drawn.strip()}\n```\n"


def with_picture(text: str) -> str:
    """A page with the picture between its two marks."""
    if not _BLOCK.search(text):
        raise ValueError(f"{README.name} has no <!-- graph --> and <!-- /graph --> lines")
    return _BLOCK.sub(lambda _: picture(), text)


def main() -> int:
    """Rewrites the page, or says whether it would."""
    text = README.read_text(encoding="utf-8")
    fresh = with_picture(text)
    if "--check" in sys.argv[1:]:
        return int(fresh != text)
    README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
