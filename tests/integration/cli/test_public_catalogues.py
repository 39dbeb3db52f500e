"""The mappings we ship fit the public catalogues they are for, record by record; nothing is sent anywhere."""

from pathlib import Path

import protovalidate
import pytest

from cli import catalog_file, catalog_mapping
from local.settings import ROOT

DATA = ROOT.parent / "shared" / "data"
CATALOGUES = [
    ("icecat", "icecat/products.jsonl.gz", 19_406),
    ("retail-demo-store", "retail-demo-store/products.yaml.gz", 2_465),
    ("dummyjson", "dummyjson/products.json.gz", 194),
]


@pytest.mark.parametrize(("mapping", "file", "count"), CATALOGUES, ids=[c[0] for c in CATALOGUES])
def test_every_record_becomes_a_valid_product(mapping: str, file: str, count: int) -> None:
    path: Path = DATA / file
    if not path.exists():
        pytest.skip(f"the public catalogue is absent: {path.name} of {mapping} is not beside the project")
    chosen = catalog_mapping.load(mapping)
    names = set()
    for place, record in catalog_file.records(path, catalog_file.format_of(path)):
        product = catalog_mapping.to_product(record, chosen).product
        names.add(product.name)
        assert product.price.units > 0 or product.price.nanos > 0, place
        if place % 20 == 1:  # the rules of the contract, on a sample
            protovalidate.validate(product)
    assert len(names) == count
