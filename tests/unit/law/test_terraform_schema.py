"""The reader of the provider's schema, on bindings as small as can be."""

import io
import tarfile
from pathlib import Path

import pytest

from checks.terraform.schema import Block, Schemas, UnknownTypeError, read

PROVIDER = """
class AwsProvider extends cdktn.TerraformProvider {
    // region - computed: false, optional: false, required: true
    _region;
    synthesizeHclAttributes() {
        const attrs = {
            region: {
                value: cdktn.stringToHclTerraform(this._region),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
        };
    }
}
"""
THING = """
function thingRuleToHclTerraform(struct) {
    const attrs = {
        ports: {
            value: cdktn.listMapperHcl(cdktn.numberToHclTerraform, false)(struct.ports),
            isBlock: false,
            type: "set",
            storageClassType: "numberList",
        },
    };
}
class ThingRuleOutputReference extends cdktn.ComplexObject {
    // ports - computed: false, optional: false, required: true
    _ports;
}
class ThingStateOutputReference extends cdktn.ComplexObject {
    // address - computed: true, optional: false, required: false
    get address() {
        return this.getStringAttribute('address');
    }
}
class Thing extends cdktn.TerraformResource {
    static tfResourceType = "aws_thing";
    // name - computed: false, optional: false, required: true
    _name;
    // rule - computed: false, optional: false, required: true
    _rule = new ThingRuleOutputReference(this, "rule");
    // secret_wo - computed: false, optional: true, required: false
    _secretWo;
    // size - computed: true, optional: true, required: false
    _size;
    // state - computed: true, optional: false, required: false
    _state = new ThingStateList(this, "state", false);
    // zones - computed: true, optional: false, required: false
    get zones() {
        return cdktn.Fn.tolist(this.getListAttribute('zones'));
    }
    synthesizeHclAttributes() {
        const attrs = {
            name: {
                value: cdktn.stringToHclTerraform(this._name),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            rule: {
                value: thingRuleToHclTerraform(this._rule.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "ThingRuleList",
            },
            secret_wo: {
                value: this.markWriteOnlyAttribute(cdktn.stringToHclTerraform(this._secretWo)),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            size: {
                value: cdktn.numberToHclTerraform(this._size),
                isBlock: false,
                type: "simple",
                storageClassType: "number",
            },
        };
    }
}
"""


@pytest.fixture
def bindings(tmp_path: Path) -> Path:
    path = tmp_path / "bindings.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for folder, code in (("provider", PROVIDER), ("thing", THING)):
            member = tarfile.TarInfo(f"package/lib/{folder}/index.js")
            member.size = len(code)
            archive.addfile(member, io.BytesIO(code.encode()))
    return path


@pytest.fixture
def schemas(bindings: Path) -> Schemas:
    return read(bindings, ["aws_thing"], [], set())


@pytest.fixture
def thing(schemas: Schemas) -> Block:
    return schemas.resources["aws_thing"]


def test_arguments_are_required_or_optional_as_the_bindings_say(thing: Block) -> None:
    by_name = {attribute.name: attribute for attribute in thing.attributes}
    assert by_name["name"].required
    assert not by_name["size"].required
    assert (by_name["size"].optional, by_name["size"].computed, by_name["size"].type) == (True, True, "number")


def test_results_have_the_types_of_what_they_return(thing: Block) -> None:
    types = {attribute.name: attribute.type for attribute in thing.attributes}
    assert types["zones"] == ["set", "string"]
    assert types["state"] == ["list", ["object", {"address": "string"}]]


def test_a_block_that_has_to_stand_once_does(thing: Block) -> None:
    (name, rule), *_ = thing.blocks
    assert (name, rule.nesting, rule.min_items, rule.max_items) == ("rule", "list", 1, 1)
    assert rule.attributes[0].type == ["set", "number"]


def test_what_is_never_kept_is_marked(thing: Block) -> None:
    assert [attribute.name for attribute in thing.attributes if attribute.write_only] == ["secret_wo"]


def test_the_provider_needs_nothing(schemas: Schemas) -> None:
    assert [(a.name, a.required, a.optional) for a in schemas.provider.attributes] == [("region", False, True)]


def test_a_type_the_provider_has_not_is_named(bindings: Path) -> None:
    with pytest.raises(UnknownTypeError, match="aws_thong"):
        read(bindings, ["aws_thing", "aws_thong"], [], set())
