"""Answers checked against JSON Schema with the `jsonschema` library."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from jsonschema import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from services.llm.domain.generation import FormatKind, ResponseFormat, Tool

_KEPT = 256
_DEEPEST = 64


class JsonschemaShapes:
    """A `ShapeChecker`. Schemas are compiled once and kept while they are in use."""

    def __init__(self) -> None:
        """Begin with none."""
        self._validators: OrderedDict[str, Validator] = OrderedDict()

    def refusal(self, wanted: ResponseFormat, tools: Sequence[Tool]) -> tuple[str, str] | None:
        """Return (field, problem) of a schema that is none, or None."""
        if wanted.schema and (problem := self._refused(wanted.schema)):
            return "response_format.schema", problem
        for index, tool in enumerate(tools):
            if tool.schema and (problem := self._refused(tool.schema)):
                return f"tools[{index}].parameters_schema", problem
        return None

    def problem(self, wanted: ResponseFormat, text: str) -> str | None:
        """Return what is wrong with a whole answer, in a few words without its content; None when it fits."""
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return "is not JSON"
        if wanted.kind is FormatKind.JSON_OBJECT:
            return None if isinstance(value, dict) else "is no object"
        try:
            self._validator(wanted.schema).validate(value)
        except ValidationError as invalid:
            return f"breaks the schema's rule {invalid.validator}"
        except RecursionError:
            return "is nested too deeply"
        return None

    def _refused(self, schema: str) -> str | None:
        try:
            self._validator(schema)
        except orjson.JSONDecodeError:
            return "is not JSON"
        except (SchemaError, RecursionError, TypeError, ValueError):
            return "is not a JSON Schema"
        return None

    def _validator(self, schema: str) -> Validator:
        found = self._validators.get(schema)
        if found is None:
            parsed: Any = orjson.loads(schema)
            if not isinstance(parsed, Mapping):
                raise TypeError("a schema is an object")
            _refuse_outside(parsed, 0)
            kind = validator_for(parsed)
            kind.check_schema(parsed)
            found = self._validators[schema] = kind(parsed)
            if len(self._validators) > _KEPT:
                self._validators.popitem(last=False)
        else:
            self._validators.move_to_end(schema)
        return found


def _refuse_outside(value: Any, depth: int) -> None:
    """Refuse references to other documents: looking them up would be a call to wherever a caller likes."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, Mapping):
        reference = value.get("$ref", "#")
        if isinstance(reference, str) and not reference.startswith("#"):
            raise ValueError("refers to another document")
        for inner in value.values():
            _refuse_outside(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _refuse_outside(inner, depth + 1)
