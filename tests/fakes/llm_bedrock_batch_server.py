"""Bedrock's model invocation jobs and the bucket they live in, over HTTP; it counts what it would bill.

Every request is held against AWS's own description of it, which botocore carries: names, kinds, patterns, lengths.
"""

import json
import random
import re
import string
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from botocore.model import Shape
from botocore.session import Session

from tests.fakes.llm_http_server import Exchange, listening

TOKENS = (20, 10)
LEAST = 100
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/aisle-batches"
BUCKET = "aisle-questions"
_ENDED = ("Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired")
_MOMENT = "2026-11-26T12:00:00Z"
_ISSUES = {"ValidationException": 400, "ConflictException": 400, "ResourceNotFoundException": 404}
_ISSUES |= {"AccessDeniedException": 403, "InternalServerException": 500, "ServiceQuotaExceededException": 400}


@dataclass
class OneJob:
    """A job as Bedrock keeps it."""

    arn: str
    asked: dict[str, Any]
    status: str = "Submitted"
    message: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        kept = {key: self.asked[key] for key in self.asked if key != "tags"}
        times = {"submitTime": _MOMENT, "lastModifiedTime": _MOMENT}
        return {**kept, **times, **self.counts, "jobArn": self.arn, "status": self.status, "message": self.message}


@dataclass
class BedrockBatchServer:
    """Runs nothing by itself: tests say when jobs end, and how."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, OneJob] = field(default_factory=dict)
    # Records that were run, by what they asked: what is billed.
    billed: Counter[str] = field(default_factory=Counter)
    # Questions that fail, with their code.
    failing: dict[str, int] = field(default_factory=dict)
    # So many jobs are created and their creator hears nothing; so many creations and uploads are refused.
    silent: int = 0
    refused: list[str] = field(default_factory=list)
    refused_uploads: int = 0
    # Whether jobs are missing in lists: AWS's lists may lag.
    list_lags: bool = False
    # Whether a job that is cut short loses the answers it has.
    loses_answers: bool = False
    requests: list[Exchange] = field(default_factory=list)

    async def handle(self, exchange: Exchange) -> bool:
        self.requests.append(exchange)
        parts = urlsplit(exchange.path)
        path, query = unquote(parts.path).strip("/"), {key: one[0] for key, one in parse_qs(parts.query).items()}
        service = "bedrock" if path.startswith("model-invocation-job") else "s3"
        if f"/us-east-1/{service}/aws4_request" not in exchange.headers.get("authorization", ""):
            await exchange.whole(403, b"{}", {"x-amzn-errortype": "UnrecognizedClientException"})
            return True
        if service == "s3":
            return await self._bucket(exchange, path, query)
        match exchange.method, re.sub("^model-invocation-jobs?", "", path).strip("/").rsplit("/stop", 1):
            case "POST", [""]:
                return await self._create(exchange)
            case "GET", [""]:
                return await self._list(exchange, query)
            case method, [name, *stop] if job := self._found(name):
                if method == "GET" and not stop:
                    return await self._say(exchange, job.shown())
                if job.status in (*_ENDED, "Stopping"):
                    return await self._refuse(exchange, "ConflictException", "The job has ended.")
                job.status = "Stopping"
                return await self._say(exchange, {})
        return await self._refuse(exchange, "ResourceNotFoundException", "No such job.")

    def end(self, status: str = "Completed", answered: int | None = None) -> None:
        """End every job that runs: so many of its records are run, all when nothing else is said."""
        for job in self.jobs.values():
            if job.status in _ENDED:
                continue
            job.status = "Stopped" if job.status == "Stopping" else status
            wrong, records = self._validated(job)
            if wrong:
                job.status, job.message = "Failed", wrong
            if job.status in ("Failed", "Expired"):
                continue
            run = records if answered is None else records[:answered]
            lines = [self._run(record) for record in run]
            bad = sum("error" in line for line in lines)
            job.counts = {"totalRecordCount": len(records), "processedRecordCount": len(run)}
            job.counts |= {"successRecordCount": len(run) - bad, "errorRecordCount": bad}
            if job.status == "Completed" or not self.loses_answers:
                self._keep(job, lines)

    def place(self, job: OneJob) -> str:
        """Return where a job's answers go."""
        return _key(job.asked["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]) + job.arn.rpartition("/")[2] + "/"

    def _found(self, name: str) -> OneJob | None:
        return next((job for arn, job in self.jobs.items() if name in (arn, arn.rpartition("/")[2])), None)

    def _validated(self, job: OneJob) -> tuple[str, list[dict[str, Any]]]:
        content = self.objects.get(_key(job.asked["inputDataConfig"]["s3InputDataConfig"]["s3Uri"]))
        if content is None:
            return "There is no input.", []
        records = [json.loads(line) for line in content.splitlines()]
        if len(records) < LEAST:
            return f"There are fewer than {LEAST} records.", []
        if any(set(one) != {"recordId", "modelInput"} or not one["recordId"].isalnum() for one in records):
            return "A record is malformed.", []
        return (
            "Two records have one name." if len({one["recordId"] for one in records}) < len(records) else ""
        ), records

    def _run(self, record: dict[str, Any]) -> dict[str, Any]:
        asked = record["modelInput"]
        question = asked["messages"][-1]["content"][0]["text"]
        self.billed[question] += 1
        code = self.failing.get(question, 200)
        if wrong := _wrong(_converse(), {"modelId": "amazon.nova-micro-v1:0", **asked}):
            code, question = 400, wrong
        if "toolConfig" in asked:
            code = 400
        if code != 200:
            return {**record, "error": {"errorCode": code, "errorMessage": f"No: {question}"}}
        content = [{"text": f"About {question}."}]
        usage = {"inputTokens": TOKENS[0], "outputTokens": TOKENS[1], "totalTokens": sum(TOKENS)}
        said = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn"}
        return {**record, "modelOutput": {**said, "usage": usage, "metrics": {"latencyMs": 1}}}

    def _keep(self, job: OneJob, lines: list[dict[str, Any]]) -> None:
        # Nobody promises that answers come in the order of the questions.
        lines = random.sample(lines, len(lines))
        name = job.asked["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].rpartition("/")[2]
        self.objects[f"{self.place(job)}{name}.out"] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self.objects[f"{self.place(job)}manifest.json.out"] = json.dumps(job.counts).encode()

    async def _create(self, exchange: Exchange) -> bool:
        asked = exchange.json()
        model = _bedrock().operation_model("CreateModelInvocationJob").input_shape
        if wrong := _wrong(model, asked):
            return await self._refuse(exchange, "ValidationException", wrong)
        if self.refused:
            return await self._refuse(exchange, self.refused.pop(0), "No.")
        if asked["roleArn"] != ROLE:
            return await self._refuse(exchange, "ValidationException", "The role cannot be assumed.")
        token = asked["clientRequestToken"]
        same = next((job for job in self.jobs.values() if job.asked["clientRequestToken"] == token), None)
        if same is not None and same.asked != asked:
            return await self._refuse(exchange, "ConflictException", "The token belongs to another request.")
        if same is None:
            name = "".join(random.choices(string.ascii_lowercase + string.digits, k=12))
            same = OneJob(f"arn:aws:bedrock:us-east-1:{ACCOUNT}:model-invocation-job/{name}", asked)
            self.jobs[same.arn] = same
        if self.silent:
            self.silent -= 1
            return False
        return await self._say(exchange, {"jobArn": same.arn})

    async def _list(self, exchange: Exchange, query: dict[str, str]) -> bool:
        named = [job for job in self.jobs.values() if query.get("nameContains", "") in job.asked["jobName"]]
        begin = int(query.get("nextToken", "0"))
        page = [] if self.list_lags else [job.shown() for job in named[begin : begin + 1]]
        more = {"nextToken": str(begin + 1)} if begin + 1 < len(named) else {}
        return await self._say(exchange, {"invocationJobSummaries": page, **more})

    async def _bucket(self, exchange: Exchange, path: str, query: dict[str, str]) -> bool:
        bucket, _, key = path.partition("/")
        if bucket != BUCKET:
            return await self._s3_says(exchange, 404, "<Error><Code>NoSuchBucket</Code></Error>")
        match exchange.method:
            case "PUT" if self.refused_uploads:
                self.refused_uploads -= 1
                return await self._s3_says(exchange, 403, "<Error><Code>AccessDenied</Code></Error>")
            case "PUT":
                self.objects[key] = exchange.body
                return await self._s3_says(exchange, 200, "")
            case "GET" if key in self.objects:
                await exchange.whole(200, self.objects[key], {"content-type": "binary/octet-stream"})
                return True
            case "GET" if not key and query.get("list-type") == "2":
                found = sorted(one for one in self.objects if one.startswith(query.get("prefix", "")))
                keys = "".join(f"<Contents><Key>{escape(one)}</Key></Contents>" for one in found)
                return await self._s3_says(exchange, 200, f"<ListBucketResult>{keys}</ListBucketResult>")
            case "DELETE":
                self.objects.pop(key, None)
                return await self._s3_says(exchange, 204, "")
        return await self._s3_says(exchange, 404, "<Error><Code>NoSuchKey</Code></Error>")

    async def _s3_says(self, exchange: Exchange, status: int, said: str) -> bool:
        await exchange.whole(status, said.encode(), {"content-type": "application/xml"})
        return True

    async def _say(self, exchange: Exchange, said: dict[str, Any]) -> bool:
        await exchange.whole(200, json.dumps(said).encode())
        return True

    async def _refuse(self, exchange: Exchange, name: str, why: str) -> bool:
        await exchange.whole(_ISSUES[name], json.dumps({"message": why}).encode(), {"x-amzn-errortype": name})
        return True


def _key(uri: str) -> str:
    return uri.removeprefix(f"s3://{BUCKET}/")


def _bedrock() -> Any:
    return Session().get_service_model("bedrock")


_SHAPES: dict[str, Any] = {}


def _converse() -> Any:
    if not _SHAPES:
        _SHAPES["converse"] = Session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    return _SHAPES["converse"]


def _wrong(shape: Shape, said: Any, where: str = "") -> str:
    """Return what AWS's description of a value does not allow of it; empty when all is well."""
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        described: Any = shape
        if not isinstance(said, dict) or set(said) - set(described.members):
            return f"{where} has members it does not know"
        if missing := set(described.required_members) - set(said):
            return f"{where} lacks {missing}"
        return next((wrong for key, one in said.items() if (wrong := _wrong(described.members[key], one, key))), "")
    if shape.type_name == "list":
        member: Any = shape
        kept = isinstance(said, list)
        return next((wrong for one in said if (wrong := _wrong(member.member, one, where))), "") if kept else where
    if shape.type_name == "string":
        limits, names = shape.metadata, getattr(shape, "enum", None)
        fits = isinstance(said, str) and limits.get("min", 0) <= len(said) <= limits.get("max", 1 << 30)
        fits = fits and (not names or said in names)
        return "" if fits and re.fullmatch(limits.get("pattern", "(?s).*"), said) else f"{where} is not as it should be"
    if shape.type_name in ("integer", "long"):
        limits = shape.metadata
        fits = isinstance(said, int) and limits.get("min", 0) <= said <= limits.get("max", 1 << 62)
        return "" if fits else f"{where} is out of range"
    return ""


@asynccontextmanager
async def bedrock_batch_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BedrockBatchServer]:
    """A server on a free port, which AWS's clients take for AWS."""
    server = BedrockBatchServer()
    async with listening(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-so-secret")
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        yield server
