"""Bedrock's own batches: questions go into a bucket as a file, within a day answers lie beside it, at half the price.

Before Bedrock hears of a batch, the request for it lies in the bucket, with a token by which Bedrock knows it: whoever
comes after a crash makes the same request once more and gets the batch that there is. botocore's clients block, so they
run on threads of their own; each step is waited for, so that who gives up begins no other one.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import orjson
from botocore import exceptions as boto
from botocore.config import Config
from botocore.session import Session

from services.llm.adapters.converse_to_events import ConverseReading
from services.llm.adapters.prompt_to_converse import converse_request, prefill, profile, talks_of_tools, written
from services.llm.application.batch_ports import ProviderResult, ProviderStatus
from services.llm.domain.errors import FailureKind, PromptRefused, ProviderFailed
from services.llm.domain.generation import Prompt
from services.llm.domain.model import Model

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("aisle.llm.batches")

_CONNECT_SECONDS = 3.0
_THREADS = 4
_HOURS = 24
_QUESTIONS, _REQUEST, _ANSWERS = "questions.jsonl", "request.json", "answers/"
_ENDED = ("Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired")
# Bedrock tells these from the whole: what has no answer was not begun.
_CUT_SHORT = ("PartiallyCompleted", "Stopped", "Expired")
# Stopping what has ended meanwhile.
_TOO_LATE = ("ConflictException", "ValidationException")
_PIECE = 1 << 20
_LONGEST_LINE = 16 << 20
_KINDS = {
    "ThrottlingException": FailureKind.THROTTLED,
    "TooManyRequestsException": FailureKind.THROTTLED,
    "ServiceQuotaExceededException": FailureKind.THROTTLED,
    "SlowDown": FailureKind.THROTTLED,
    "AccessDeniedException": FailureKind.FORBIDDEN,
    "AccessDenied": FailureKind.FORBIDDEN,
    "UnrecognizedClientException": FailureKind.FORBIDDEN,
    "InvalidSignatureException": FailureKind.FORBIDDEN,
    "InvalidAccessKeyId": FailureKind.FORBIDDEN,
    "SignatureDoesNotMatch": FailureKind.FORBIDDEN,
    "ExpiredTokenException": FailureKind.FORBIDDEN,
    "ExpiredToken": FailureKind.FORBIDDEN,
    "ResourceNotFoundException": FailureKind.GONE,
}
_UNREACHABLE = (boto.EndpointConnectionError, boto.ConnectTimeoutError)
_NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)
_SHAPELESS = (KeyError, TypeError, AttributeError, ValueError)
_Said = TypeVar("_Said")


class BedrockBatches:
    """A `ProviderBatches` over Bedrock's model invocation jobs and a folder of a bucket."""

    # Bedrock takes ten times as many; what is sent at once must fit into memory. It takes none of fewer than a hundred.
    most_items = 5_000
    least_items = 100

    def __init__(self, region: str, folder: str, role: str, timeout: float) -> None:
        """Take the region, the folder as s3://bucket/prefix, the role that Bedrock reads and writes it as.

        The longest silence is in seconds. Addresses and credentials are those of the environment.
        """
        bucket, _, prefix = folder.removeprefix("s3://").partition("/")
        self._bucket, self._prefix = bucket, prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._region, self._role, self._timeout = region, role, timeout
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="bedrock-batches")
        self._bedrock: Any = None
        self._s3: S3Client

    async def __aenter__(self) -> Self:
        """Learn the addresses; the first call connects."""
        await self._threaded(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._bedrock.close()
        self._s3.close()

    def takes(self, prompt: Prompt) -> bool:
        """Return False for a prompt with tools or a schema, and one to go on from with a blank at its end.

        In a batch Converse refuses tools, which an answer of a schema is made with, and nobody remembers the blank.
        """
        return not talks_of_tools(prompt) and not prefill(prompt)[1]

    async def find(self, job: str) -> str | None:
        """Return the provider's name of the batch that carries our name, None when there is none and will be none.

        Bedrock's list may lag, so what is not in it is asked for once more, with the token that makes it one batch.
        """
        pages = self._bedrock.get_paginator("list_model_invocation_jobs").paginate(nameContains=_name(job))
        listed = await self._called(lambda: [one for page in pages for one in page.get("invocationJobSummaries", [])])
        for one in listed:
            if one["jobName"] == _name(job):
                return str(one["jobArn"])
        asked = await self._read(self._bucket, self._folder(job) + _REQUEST)
        if asked is not None:
            try:
                return await self._create(orjson.loads(asked))
            except PromptRefused:
                # So it was the first time: there is none.
                pass
        await self._clear(self._bucket, self._folder(job))
        return None

    async def submit(self, job: str, model: Model, prompts: Sequence[tuple[str, Prompt]]) -> str:
        """Create a batch that carries our name; return the provider's name of it. Twice is the same as once."""
        folder = self._folder(job)
        place = f"s3://{self._bucket}/{folder}"
        request = {
            "jobName": _name(job),
            "clientRequestToken": job,
            "roleArn": self._role,
            "modelId": profile(model.provider_id, self._region),
            "modelInvocationType": "Converse",
            "inputDataConfig": {"s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": place + _QUESTIONS}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": place + _ANSWERS}},
            "timeoutDurationInHours": _HOURS,
        }
        lines = await self._threaded(partial(_lines, model, prompts))
        await self._put(folder + _QUESTIONS, lines)
        await self._put(folder + _REQUEST, orjson.dumps(request))
        try:
            return await self._create(request)
        except PromptRefused:
            await self._clear(self._bucket, folder)
            raise

    async def status(self, handle: str) -> ProviderStatus:
        """Return how far it is."""
        found = await self._job(handle)
        state = found["status"]
        if state == "Failed":
            # Why, Bedrock's console says under this name: its words may hold some of what was asked.
            log.error("Bedrock failed a batch", extra={"data": {"job": handle}})
        if state not in _CUT_SHORT:
            return ProviderStatus(state in _ENDED, refused="failed" if state == "Failed" else "")
        # What was run and paid, and has no answer all the same, is not run again by itself.
        run, answered = int(found.get("processedRecordCount") or 0), 0
        if run:
            async for _ in self._answers(found):
                answered += 1
        return ProviderStatus(True, unrun=answered >= run)

    async def results(self, handle: str, model: Model) -> AsyncGenerator[ProviderResult, None]:
        """Yield what has ended so far, in any order."""
        async for line in self._answers(await self._job(handle)):
            yield _result(line)

    async def cancel(self, handle: str) -> None:
        """Stop it; what was answered until then stays."""
        try:
            await self._called(partial(self._bedrock.stop_model_invocation_job, jobIdentifier=handle), _TOO_LATE)
        except PromptRefused:
            raise ProviderFailed(FailureKind.BROKEN) from None

    async def forget(self, handle: str) -> None:
        """Delete the files of a batch that has ended: nothing of the questions and answers stays there."""
        bucket, key = _place((await self._job(handle))["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
        await self._clear(bucket, key.removesuffix(_QUESTIONS))

    def _open(self) -> None:
        """Make the clients. botocore reads its tables from disk for it."""
        session = Session()
        # A request that is sent again creates no second batch: Bedrock knows it by its token.
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=self._timeout,
            retries={"total_max_attempts": 3, "mode": "standard"},
            max_pool_connections=_THREADS,
        )
        self._bedrock = session.create_client("bedrock", self._region, config=config)
        self._s3 = cast("S3Client", session.create_client("s3", self._region, config=config))

    def _folder(self, job: str) -> str:
        return f"{self._prefix}{job}/"

    async def _create(self, request: Mapping[str, Any]) -> str:
        """Create a job, or find it created. Raises PromptRefused when Bedrock says that the request is wrong."""
        return str((await self._called(partial(self._bedrock.create_model_invocation_job, **request)))["jobArn"])

    async def _job(self, handle: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = await self._called(
                partial(self._bedrock.get_model_invocation_job, jobIdentifier=handle)
            )
        except PromptRefused:
            raise ProviderFailed(FailureKind.BROKEN) from None
        return found

    async def _answers(self, found: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a job's answers without holding all of them; none where there is no file."""
        bucket, folder = _place(found["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
        _, questions = _place(found["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
        key = f"{folder}{found['jobArn'].rpartition('/')[2]}/{questions.rpartition('/')[2]}.out"
        opened = await self._called(partial(self._s3.get_object, Bucket=bucket, Key=key), ("NoSuchKey",))
        if opened is None:
            return
        body, rest = opened["Body"], b""
        try:
            while piece := await self._called(partial(body.read, _PIECE)):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield line
                if len(rest) > _LONGEST_LINE:
                    raise ProviderFailed(FailureKind.BROKEN)
        finally:
            body.close()
        if rest.strip():
            yield rest

    async def _read(self, bucket: str, key: str) -> bytes | None:
        """Return an object, None where there is none."""
        opened = await self._called(partial(self._s3.get_object, Bucket=bucket, Key=key), ("NoSuchKey",))
        return None if opened is None else await self._called(opened["Body"].read)

    async def _put(self, key: str, content: bytes) -> None:
        await self._called(partial(self._s3.put_object, Bucket=self._bucket, Key=key, Body=content))

    async def _clear(self, bucket: str, folder: str) -> None:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        keys = await self._called(lambda: [one["Key"] for page in pages for one in page.get("Contents", [])])
        for key in keys or ():
            await self._called(partial(self._s3.delete_object, Bucket=bucket, Key=key))

    async def _called(self, call: Callable[[], Any], expected: Sequence[str] = ()) -> Any:
        """Return what a call returns, None when it fails as expected. Raises ProviderFailed or PromptRefused."""
        try:
            return await self._threaded(call)
        except boto.ClientError as error:
            if error.response.get("Error", {}).get("Code") in expected:
                return None
            raise _failure(error) from None
        except _UNREACHABLE:
            raise ProviderFailed(FailureKind.UNREACHABLE) from None
        except boto.ReadTimeoutError:
            raise ProviderFailed(FailureKind.TIMED_OUT) from None
        except _NO_CREDENTIALS:
            raise ProviderFailed(FailureKind.FORBIDDEN) from None
        except (boto.BotoCoreError, OSError, *_SHAPELESS):
            raise ProviderFailed(FailureKind.BROKEN) from None

    async def _threaded(self, call: Callable[[], _Said]) -> _Said:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


def _name(job: str) -> str:
    return f"aisle-{job}"


def _place(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an address in S3."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _lines(model: Model, prompts: Sequence[tuple[str, Prompt]]) -> bytes:
    """Return the file of questions. Bedrock's names of records are letters and digits, ours are not only those."""
    return b"\n".join(
        orjson.dumps(
            {
                "recordId": key.encode().hex(),
                "modelInput": orjson.Fragment(written(converse_request, model, prompt)),
            }
        )
        for key, prompt in prompts
    )


def _result(line: bytes) -> ProviderResult:
    """Return what a line says of its item."""
    try:
        said: Mapping[str, Any] = orjson.loads(line)
        key = bytes.fromhex(said["recordId"]).decode()
        if error := said.get("error"):
            code = str(error.get("errorCode", ""))
            refused = code.isdigit() and 400 <= int(code) < 429
            return ProviderResult(key, error_reason="PROVIDER_REFUSED" if refused else "PROVIDER_UNAVAILABLE")
        answered = orjson.dumps(said["modelOutput"])
    except _SHAPELESS:
        raise ProviderFailed(FailureKind.BROKEN) from None
    try:
        return ProviderResult(key, ConverseReading().whole(answered))
    except ProviderFailed:
        return ProviderResult(key, error_reason="PROVIDER_UNAVAILABLE")


def _failure(error: boto.ClientError) -> Exception:
    """Put an error's name into our words."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "ValidationException":
        # It is about roles, buckets and models: what was asked of them lies in the bucket, and is not in the request.
        log.error("Bedrock refuses a batch", extra={"data": {"why": str(error.response["Error"].get("Message"))[:500]}})
        return PromptRefused("validation_exception")
    return ProviderFailed(_KINDS.get(code, FailureKind.BROKEN))
