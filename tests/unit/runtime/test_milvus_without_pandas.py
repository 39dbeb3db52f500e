"""Services carry Milvus' client and nothing of pandas; whoever wants pandas afterwards gets it."""

import subprocess
import sys

import pytest


def in_a_process_of_its_own(code: str) -> str:
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


@pytest.mark.parametrize("service", ["product", "llm", "chat", "recommendation"])
def test_a_service_carries_no_pandas(service: str) -> None:
    code = f"import sys, services.{service}.__main__; print('pandas' in sys.modules)"
    assert in_a_process_of_its_own(code) == "False"


def test_pandas_is_there_for_whoever_imports_it_afterwards() -> None:
    code = "from services.recommendation import __main__; import pandas; print(len(pandas.DataFrame({'a': [1, 2]})))"
    assert in_a_process_of_its_own(code) == "2"


def test_pandas_that_was_there_before_stays() -> None:
    code = (
        "import pandas, services.chat.__main__, pymilvus.orm.schema as schema\n"
        "print(schema.pd is pandas, len(pandas.DataFrame({'a': [1, 2]})))"
    )
    assert in_a_process_of_its_own(code) == "True 2"


def test_what_stands_in_for_pandas_refuses_to_be_used() -> None:
    code = (
        "import services.chat.__main__, pymilvus.orm.schema as schema\n"
        "try:\n    schema.is_scalar(1)\nexcept NotImplementedError as refused:\n    print(refused)\n"
        "print(isinstance([], schema.pd.DataFrame))"
    )
    assert in_a_process_of_its_own(code).splitlines() == [
        "Tables of pandas are not used here; import pymilvus itself where they are.",
        "False",
    ]
