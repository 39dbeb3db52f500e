"""Mutates protobuf messages by their descriptors: odd values in the fields, and bytes that are no message at all."""

import random
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message

_INTS = {
    Field.TYPE_INT32: (0, 1, -1, 2**31 - 1, -(2**31), 1000, 255),
    Field.TYPE_INT64: (0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 253402300800, 10**18),
    Field.TYPE_UINT32: (0, 1, 2**32 - 1),
    Field.TYPE_UINT64: (0, 1, 2**64 - 1),
}
_DOUBLES = (0.0, -0.0, 1.0, -1.0, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 0.1, 5.0)
_STRINGS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\n\r\t\x1b[31m\x07",
    "' OR 1=1; DROP TABLE products; --",
    "../../../../etc/passwd",
    "%s%n%x{0}{field}{self.__class__}",
    "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>",
    "\u202eevil\u200b\ufeff",
    "\U0001f4a5" * 40,
    "ß" * 100,
    "\ud7ff\ue000\uffff",
    "0" * 5000,
    "products/x",
    "products/" + "a" * 80,
    "conversations/0",
    "tenants/other",
    "*",
    "NaN",
    "1e999",
    "00000000-0000-0000-0000-000000000000",
    '"]}),({[',
    "e\u0301" * 500,
    "\\" * 33,
)
_ENUMS = (0, 1, 2, 3, 4, -1, 99, 2**31 - 1, -(2**31))
_WIRE = (b"\xff" * 11, b"\x08", b"\x0a\xff\xff\xff\xff\x0f", b"\x00\x00", b"\x07\x07")


def swept(example: Message) -> Iterator[tuple[str, Message]]:
    """Yield the example once for each field it has and each odd value that field can take, with the field's path."""
    for path, field in _leaves(example):
        for value in _odd(field):
            copy = type(example)()
            copy.CopyFrom(example)
            _put(copy, path, field, value)
            yield ".".join(str(step) for step in path), copy


def _leaves(message: Message, before: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Field]]:
    for each in message.DESCRIPTOR.fields:
        field = cast(Field, each)
        here = (*before, field.name)
        inner: Any = getattr(message, field.name)
        if field.message_type is None:
            yield here, field
        elif field.message_type.GetOptions().map_entry:
            continue
        elif not field.is_repeated:
            # A message that is not there has fields all the same; those of types in types in types are left out.
            if len(here) <= 4:
                yield from _leaves(inner, here)
        elif inner:
            yield from _leaves(inner[0], (*here, 0))


def _odd(field: Field) -> Sequence[Any]:
    if field.type == Field.TYPE_STRING:
        return _STRINGS
    known: Sequence[Any] | None = _INTS.get(field.type)
    if known is not None:
        return known
    if field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
        return _DOUBLES[:4] if field.type == Field.TYPE_FLOAT else _DOUBLES
    if field.type == Field.TYPE_ENUM:
        return _ENUMS
    return (b"", b"\x00", b"\xff\xfe" * 100) if field.type == Field.TYPE_BYTES else (True, False)


def _put(message: Message, path: tuple[str | int, ...], field: Field, value: Any) -> None:
    inner: Any = message
    for step in path[:-1]:
        inner = inner[step] if isinstance(step, int) else getattr(inner, step)
    if field.is_repeated:
        listed = getattr(inner, field.name)
        del listed[:]
        listed.append(value)
    else:
        setattr(inner, field.name, value)


class Mutator:
    """Makes bad requests of good ones, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def bytes_of(self, example: Message) -> bytes:
        """Return a request on the wire: most of them messages with odd fields, some of them no messages."""
        if self._random.random() < 0.15:
            return self._broken(example.SerializeToString())
        copy = type(example)()
        copy.CopyFrom(example)
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 5))):
            self._mutate(copy)
        raw = copy.SerializeToString()
        return raw + self._unknown() if self._random.random() < 0.1 else raw

    def _mutate(self, message: Message, depth: int = 0) -> None:
        fields = [cast(Field, field) for field in message.DESCRIPTOR.fields]
        if not fields:
            return
        field = self._random.choice(fields)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            self._mutate_map(message, field)
        elif field.is_repeated:
            self._mutate_list(message, field, depth)
        elif field.message_type is not None:
            if depth < 6 and self._random.random() < 0.9:
                inner = getattr(message, field.name)
                inner.SetInParent()
                self._mutate(inner, depth + 1)
            else:
                message.ClearField(field.name)
        elif self._random.random() < 0.1:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, self._value(field))

    def _mutate_list(self, message: Message, field: Field, depth: int) -> None:
        items: Any = getattr(message, field.name)
        choice = self._random.random()
        if choice < 0.1:
            message.ClearField(field.name)
        elif choice < 0.2 and items:
            for _ in range(self._random.choice((1, 50, 300, 1100))):
                items.append(items[0]) if field.message_type is None else items.add().CopyFrom(items[0])
        elif field.message_type is not None:
            inner = items[self._random.randrange(len(items))] if items and choice < 0.8 else items.add()
            if depth < 6:
                self._mutate(inner, depth + 1)
        elif items and choice < 0.6:
            items[self._random.randrange(len(items))] = self._value(field)
        else:
            items.append(self._value(field))

    def _mutate_map(self, message: Message, field: Field) -> None:
        entries: Any = getattr(message, field.name)
        entry: Any = field.message_type
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(self._random.choice((1, 1, 3, 250))):
            made = self._value(key)
            entries[f"{made}{len(entries)}" if isinstance(made, str) else made] = self._value(value)

    def _value(self, field: Field) -> Any:
        makers: dict[int, Callable[[], Any]] = {
            Field.TYPE_STRING: self._string,
            Field.TYPE_BYTES: lambda: self._random.choice((b"", b"\x00", b"\xff\xfe", self._random.randbytes(3000))),
            Field.TYPE_BOOL: lambda: self._random.random() < 0.5,
            Field.TYPE_DOUBLE: lambda: self._random.choice(_DOUBLES),
            Field.TYPE_FLOAT: lambda: self._random.choice(_DOUBLES[:4]),
            Field.TYPE_ENUM: lambda: self._random.choice(_ENUMS),
        }
        known = _INTS.get(field.type)
        return self._random.choice(known) if known else makers[field.type]()

    def _string(self) -> str:
        choice = self._random.random()
        if choice < 0.75:
            return self._random.choice(_STRINGS)
        if choice < 0.78:
            return "x" * self._random.choice((100_000, 500_000))
        letters = string.printable + "äß€😀\u0000\u2028"
        return "".join(self._random.choice(letters) for _ in range(self._random.choice((1, 5, 50, 300))))

    def _broken(self, raw: bytes) -> bytes:
        """Return bytes that are hardly a message: cut, flipped, nested, or with text that is no UTF-8."""
        choice = self._random.randrange(6)
        if choice == 0:
            return raw[: self._random.randrange(len(raw) + 1)]
        if choice == 1:
            changed = bytearray(raw or b"\x0a\x01a")
            for _ in range(self._random.choice((1, 3, 20))):
                changed[self._random.randrange(len(changed))] = self._random.randrange(256)
            return bytes(changed)
        if choice == 2:
            return self._random.randbytes(self._random.choice((1, 10, 200, 5000)))
        if choice == 3:
            deep = self._random.choice((50, 101, 10_000))
            return raw + b"\xfb\x7f" * deep + b"\xfc\x7f" * deep
        if choice == 4:
            # Nested in a field that is a message or a text wherever it is known.
            nested = b""
            for _ in range(self._random.choice((50, 150))):
                nested = b"\x0a" + _varint(len(nested)) + nested
            return nested
        return raw + b"\x0a\x04\xff\xfe\xc0\x80"

    def _unknown(self) -> bytes:
        return self._random.choice((b"\xf8\x7f\x01", b"\xfa\x7f\x05hello", *_WIRE))


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def texts_replaced(example: Message, text: str) -> Iterator[Message]:
    """Yield the example once for each text it has, with that text replaced, and once with the text appended to it."""
    for path, field in _leaves(example):
        if field.type == Field.TYPE_STRING:
            copy = type(example)()
            copy.CopyFrom(example)
            _put(copy, path, field, text)
            yield copy
