"""Personas as YAML files: reading one, and the catalogue of all that there are."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from graph.codec import adapter
from graph.errors import BadInput
from nodes.persona import Persona

OURS = Path(__file__).parent / "personas"

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# A base loader reads every scalar as text, so that an unquoted "yes" or "no" among the examples
# stays a word; pydantic turns the numbers into numbers.


def load_persona(path: Path) -> Persona:
    """Reads a persona file; raises `BadInput` that names the file, the line and the field."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(str(path), path.name, f"cannot be read: {error}") from error
    try:
        loader = _LOADER(text)
        root = loader.get_single_node()
        _refuse_twins(path, root, "")
        data = loader.construct_document(root) if root is not None else {}
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(path, text, error) from error
    try:
        return adapter(Persona).validate_python(data)  # type: ignore[no-any-return]
    except ValidationError as error:
        # A misspelt field is unknown, and missing by its right name: the former says more.
        found = error.errors(include_url=False)
        first = min(found, key=lambda one: one["type"] != "unexpected_keyword_argument")
        field = ".".join(str(part) for part in first["loc"]) or "persona"
        place = f"{path}:{_line_of(root, first['loc'])}: {field}"
        given = "nothing" if first["type"] == "missing" else first["input"]
        raise BadInput(place, given, first["msg"].removeprefix("Value error, ")) from None


class Catalogue:
    """All personas by the name of their file. Reads them once, so a mistake shows at the start."""

    def __init__(self, folders: Sequence[Path] = (), default: str = "ada") -> None:
        """Reads ours, then those of `folders`; a file of the same name hides an earlier one.

        Raises `BadInput` for a folder or a default that is not there, or a mistake in a file.
        """
        files = {path.stem: path for path in sorted(OURS.glob("*.yaml"))}
        for folder in folders:
            if not folder.is_dir():
                raise BadInput("persona_dirs", str(folder), "no such folder")
            files |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
        self._personas = {name: load_persona(path) for name, path in sorted(files.items())}
        self._default = default
        self._find(default, "persona")

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(self._personas)

    def get(self, name: str) -> Persona:
        """The persona of this name, of the default one where it is empty.

        Raises `BadInput` that lists the names there are.
        """
        return self._find(name or self._default, "config.persona")

    def _find(self, name: str, field: str) -> Persona:
        if name not in self._personas:
            raise BadInput(field, name, f"no such persona; there are {', '.join(self.names)}")
        return self._personas[name]


def _syntax_error(path: Path, text: str, error: yaml.MarkedYAMLError) -> BadInput:
    mark = error.problem_mark or error.context_mark
    number = mark.line if mark else 0
    lines = text.splitlines() or [""]
    place = f"{path}:{number + 1}: YAML"
    return BadInput(place, lines[min(number, len(lines) - 1)], error.problem or str(error))


def _refuse_twins(path: Path, node: yaml.Node | None, above: str) -> None:
    """YAML takes the second of two equal keys without a word: a lost line group."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _refuse_twins(path, item, f"{above}{number}.")
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                place = f"{path}:{key.start_mark.line + 1}: {above}{key.value}"
                raise BadInput(place, key.value, "is there twice")
            seen.add(key.value)
            _refuse_twins(path, value, f"{above}{key.value}.")


def _line_of(node: yaml.Node | None, steps: Sequence[str | int]) -> int:
    """The line (from 1) of the innermost part of `steps` that the file has."""
    line = 1
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == step]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
