"""Reads the AWS provider's schema from the bindings that CDK Terrain generates from it.

The bindings are JavaScript that a generator wrote, so their shape is regular: beside each accessor stands a comment
that says whether an argument is computed, optional or required, and a table says what is a block and of which kind.
"""

import re
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

_RESOURCE = re.compile(rb'extends cdktn\.Terraform(Resource|DataSource) \{.*?tfResourceType = "(\w+)";', re.DOTALL)
_CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{$(.*?)^\}$", re.DOTALL | re.MULTILINE)
_MEMBER = re.compile(
    r"^    // (?P<name>\w+) - computed: (?P<computed>\w+), optional: (?P<optional>\w+), required: (?P<required>\w+)\n"
    r"(?P<rest>.*?)(?=^    // \w+ - computed|\Z)",
    re.DOTALL | re.MULTILINE,
)
_TABLE = re.compile(r"const attrs = \{\n(.*?)\n        \};|const attrs = \{\n(.*?)\n    \};", re.DOTALL)
_ENTRY = re.compile(
    r"(?P<name>\w+): \{\s*value: (?P<value>.*?),\s*isBlock: (?P<block>\w+),\s*type: \"(?P<type>\w+)\","
    r"\s*storageClassType: \"(?P<storage>\w+)\"",
    re.DOTALL,
)
_FUNCTION = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{$(.*?)^\}$", re.DOTALL | re.MULTILINE)
_GETTER = re.compile(r"get(String|Number|Boolean|List|NumberList)Attribute\(")
_INSTANCE = re.compile(r"new (?:\w+\.)?(\w+)\(this, \"\w+\"(?:, (true|false))?\)")

_SIMPLE = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
_GETTERS: Mapping[str, object] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
}
_MAPS = {"StringMap": "string", "NumberMap": "number", "BooleanMap": "bool", "AnyMap": "string"}
_COLLECTION = re.compile(r"(string|number|boolean|any)(List|Set|Map)(List|Set|Map)?")


# A rule of the firewall may hold statements that hold statements.
_DEEPEST = 2
# The bindings leave one block open that may hold itself. The same one is written out elsewhere: (type, block, its open
# part) and the type that lends it.
_LENT = {("aws_wafv2_web_acl", "rule", "statement"): "aws_wafv2_web_acl_rule"}


class UnknownTypeError(LookupError):
    """The provider has no such resource or data source."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An argument or a result. Its type is written as on Terraform's wire: a name, or a list that begins with one."""

    name: str
    type: object
    required: bool = False
    optional: bool = False
    computed: bool = False
    write_only: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between a pair of braces; `nesting` and the limits say how often a nested one may."""

    attributes: tuple[Attribute, ...] = ()
    blocks: tuple[tuple[str, "Block"], ...] = ()
    nesting: str = "single"
    min_items: int = 0
    max_items: int = 0


@dataclass(frozen=True, slots=True)
class Schemas:
    """Everything the configuration uses, by type name."""

    provider: Block
    resources: dict[str, Block] = field(default_factory=dict)
    data_sources: dict[str, Block] = field(default_factory=dict)


def read(bindings: Path, resources: Collection[str], data_sources: Collection[str], words: Collection[str]) -> Schemas:
    """Return the schemas of the named types, for a configuration in which these words stand.

    Raises UnknownTypeError when the provider lacks one of the types.
    """
    lenders = {lender for (borrower, _, _), lender in _LENT.items() if borrower in set(resources)}
    wanted = {("Resource", name) for name in {*resources, *lenders}} | {("DataSource", name) for name in data_sources}
    found: dict[tuple[str, str], Block] = {}
    provider = Block()
    for folder, source in _modules(bindings):
        if folder == "provider":
            provider = _Module(source.decode()).provider
            continue
        match = _RESOURCE.search(source)
        key = (match[1].decode(), match[2].decode()) if match else None
        if key in wanted:
            found[key] = _Module(source.decode()).root
    if missing := sorted(name for kind, name in wanted - set(found)):
        raise UnknownTypeError(f"The AWS provider has no {', '.join(missing)}.")
    by_name = {name: block for (kind, name), block in found.items() if kind == "Resource"}
    return Schemas(
        provider,
        {name: _closed(name, by_name[name], by_name, words) for name in sorted(set(resources))},
        {name: block for (kind, name), block in found.items() if kind == "DataSource"},
    )


def _modules(bindings: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each type's folder with all of its code; that of large types is spread over several files."""
    folders: dict[str, list[bytes]] = {}
    with tarfile.open(bindings) as archive:
        for member in archive:
            parts = Path(member.name).parts
            is_code = parts[:2] == ("package", "lib") and parts[-1].endswith(".js") and len(parts) > 3
            if is_code and (opened := archive.extractfile(member)):
                folders.setdefault(parts[2], []).append(opened.read())
    for folder, sources in folders.items():
        yield folder, b"\n".join(sources)


def _closed(name: str, block: Block, others: Mapping[str, Block], words: Collection[str]) -> Block:
    """Return a block with what the bindings left open borrowed from another type, as far as it is used.

    All of it would be thousands of blocks within blocks, over which Terraform takes ten seconds a run.
    """
    for (borrower, outer, open_part), lender in _LENT.items():
        if borrower != name:
            continue
        lent = replace(_used(dict(others[lender].blocks)[open_part], words), min_items=1, max_items=1)
        old = dict(block.blocks)[outer]
        attributes = tuple(attribute for attribute in old.attributes if attribute.name != open_part)
        fresh = replace(old, attributes=attributes, blocks=(*old.blocks, (open_part, lent)))
        block = replace(block, blocks=tuple((n, fresh if n == outer else b) for n, b in block.blocks))
    return block


def _used(block: Block, words: Collection[str]) -> Block:
    """Return a block without nested ones that no configuration names; who names one wrongly is told all the same."""
    return replace(block, blocks=tuple((name, _used(inner, words)) for name, inner in block.blocks if name in words))


class _Module:
    """The bindings of one resource or data source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._classes = {name: (base, body) for name, base, body in _CLASS.findall(source)}
        self._within: list[str] = []

    @cached_property
    def _tables(self) -> dict[str, str]:
        """The tables of nested structures, by the structure's name without regard to its first letter's case."""
        return {name.lower(): body for name, body in _FUNCTION.findall(self._source)}

    @property
    def root(self) -> Block:
        """The resource itself."""
        for base, body in self._classes.values():
            if base in ("TerraformResource", "TerraformDataSource"):
                return self._block(body, body)
        raise UnknownTypeError("The bindings hold no resource.")

    @property
    def provider(self) -> Block:
        """The provider's own arguments, all of them optional: nothing here ever signs in."""
        for base, body in self._classes.values():
            if base == "TerraformProvider":
                return self._block(body, body, loose=True)
        raise UnknownTypeError("The bindings hold no provider.")

    def _struct(self, name: str) -> Block:
        """Return what a nested structure holds. One that holds itself does so to a depth that is enough for ours."""
        if self._within.count(name) >= _DEEPEST:
            return Block()
        _, body = self._classes.get(f"{name}OutputReference", ("", ""))
        self._within.append(name)
        try:
            return self._block(body, self._tables.get(name.lower(), ""))
        finally:
            self._within.pop()

    def _block(self, body: str, table: str, loose: bool = False) -> Block:
        entries = {entry["name"]: entry for text in _tables_in(table) for entry in _ENTRY.finditer(text)}
        members = {member["name"]: member for member in _MEMBER.finditer(body)}
        attributes: list[Attribute] = []
        blocks: list[tuple[str, Block]] = []
        for name in sorted(entries.keys() | members.keys()):
            entry, member = entries.get(name), members.get(name)
            if entry is not None and entry["block"] == "true":
                blocks.append((name, self._nested(entry, member)))
                continue
            computed, optional, required = _flags(member)
            attributes.append(
                Attribute(
                    name,
                    self._written(entry) if entry is not None else self._computed(member),
                    required=required and not loose,
                    optional=optional or loose or (required and loose) or member is None,
                    computed=computed,
                    write_only=entry is not None and "markWriteOnly" in entry["value"],
                )
            )
        return Block(tuple(attributes), tuple(blocks))

    def _nested(self, entry: re.Match[str], member: re.Match[str] | None) -> Block:
        inner = self._struct(entry["storage"].removesuffix("List"))
        _, _, required = _flags(member)
        # One that may stand once has a reference to itself, any number of them has a list.
        once = member is not None and "OutputReference(this" in member["rest"].split("\n", 1)[0]
        if entry["type"] == "struct":
            return Block(inner.attributes, inner.blocks, "single")
        return Block(inner.attributes, inner.blocks, entry["type"], int(required), int(once))

    def _written(self, entry: re.Match[str]) -> object:
        """Return the type of an argument."""
        kind, storage = entry["type"], entry["storage"]
        if storage in _SIMPLE:
            return _SIMPLE[storage]
        if match := _COLLECTION.fullmatch(storage):
            inner: object = _SIMPLE[match[1]]
            if match[3]:
                inner = [match[2].lower(), inner]
            return [kind if kind in ("list", "set", "map") else (match[3] or match[2]).lower(), inner]
        inner = self._object(self._struct(storage.removesuffix("List").removesuffix("Map")))
        return inner if kind == "struct" else [kind, inner]

    def _computed(self, member: re.Match[str] | None) -> object:
        """Return the type of a result that nobody writes."""
        rest = member["rest"] if member is not None else ""
        if instance := _INSTANCE.search(rest):
            name = instance[1]
            if name in _MAPS:
                return ["map", _MAPS[name]]
            inner = self._object(self._struct(re.sub(r"(List|Map|OutputReference)$", "", name)))
            return inner if name.endswith("OutputReference") else ["set" if instance[2] == "true" else "list", inner]
        getter = _GETTER.search(rest)
        if getter is None:
            return "string"
        if getter[1] == "List" and "Fn.tolist" in rest:
            return ["set", "string"]
        return _GETTERS[getter[1]]

    def _object(self, block: Block) -> list[object]:
        members: dict[str, object] = {attribute.name: attribute.type for attribute in block.attributes}
        for name, nested in block.blocks:
            inner = self._object(nested)
            members[name] = inner if nested.nesting == "single" else [nested.nesting, inner]
        return ["object", members]


def _tables_in(text: str) -> Iterator[str]:
    for match in _TABLE.finditer(text):
        yield match[1] or match[2]


def _flags(member: re.Match[str] | None) -> tuple[bool, bool, bool]:
    if member is None:
        return False, False, False
    return member["computed"] == "true", member["optional"] == "true", member["required"] == "true"
