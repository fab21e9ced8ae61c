"""Values to JSON data and back, by pydantic: one validator for each type, built once."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from graph.errors import BadInput

_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def adapter(kind: Any) -> TypeAdapter[Any]:
    """The validator and serialiser of a value type, built once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def dump(value: Any) -> Any:
    """A value as JSON data."""
    return adapter(type(value)).dump_python(value, mode="json")


def read(kind: type[Any], data: object, name: str) -> Any:
    """JSON data as a value of `kind`; raises `BadInput` that names the field below `name`."""
    try:
        return adapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join([name, *(str(part) for part in first["loc"])])
        ours = first.get("ctx", {}).get("error")
        if isinstance(ours, BadInput):
            raise BadInput(f"{path}.{ours.field}", ours.value, ours.problem) from None
        raise BadInput(path, first["input"], first["msg"]) from None
