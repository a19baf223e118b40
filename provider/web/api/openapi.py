"""OpenAPI 3.1 of the endpoints, generated from the table that serves them."""

import re
from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import CoreSchema
from pydantic_core.core_schema import ModelSchema

from provider.domain.fields import Document, format_duration
from provider.domain.fields.descriptions import field_descriptions
from provider.domain.fields.types import NAME_PATTERN
from provider.domain.json_object import Json
from provider.web.api.endpoints import (
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_KEY_PATTERN,
    IF_MATCH,
    IF_MATCH_PATTERN,
    LAST_EVENT_ID_PATTERN,
    Endpoint,
)
from provider.web.api.problems import CONTENT_TYPE
from provider.web.api.schemas import Problem

_REFERENCE = "#/components/schemas/{model}"
# What any endpoint may answer: no or too small a token, a bad query, too many calls, Redis away.
_COMMON_PROBLEMS = (400, 401, 403, 429, 503)
_BODY_PROBLEMS = (408, 413, 415, 422)


def describe(endpoints: Sequence[Endpoint], *, version: str) -> Json:
    """Return the OpenAPI document of the endpoints."""
    schemas = _schemas(endpoints)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        path = endpoint.path.replace("<", "{").replace(">", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "traefik-canary",
            "version": version,
            "description": "Progressive delivery for Traefik, without Kubernetes.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _schemas(endpoints: Sequence[Endpoint]) -> Json:
    inputs = {endpoint.body for endpoint in endpoints if endpoint.body}
    queries = {endpoint.query for endpoint in endpoints}
    answers = {model for endpoint in endpoints for model in endpoint.answers.values() if model} | {Problem}
    ordered = sorted(inputs | queries | answers, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "serialization" if model in answers else "validation") for model in ordered],
        ref_template=_REFERENCE,
        schema_generator=_Schemas,
    )
    return schemas


class _Schemas(GenerateJsonSchema):
    def generate_inner(self, schema: CoreSchema) -> JsonSchemaValue:
        """Give a schema, with the bounds of a number that a validator of ours sees first in JSON Schema's words."""
        words = {"ge": "minimum", "le": "maximum"}
        return {words.get(name, name): value for name, value in super().generate_inner(schema).items()}

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """Give the schema of a document, each field with the words that stand below it."""
        found = super().model_schema(schema)
        described = field_descriptions(schema["cls"]) if issubclass(schema["cls"], Document) else {}
        for name, words in described.items():
            found["properties"][name].setdefault("description", words)
        return found

    def encode_default(self, dft: Any) -> Any:
        """Give a default as it would be written."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return f"{dft:%H:%M}" if isinstance(dft, time) else super().encode_default(dft)


def _operation(endpoint: Endpoint, schemas: Json) -> Json:
    name = endpoint.handler.__name__ if endpoint.handler.__name__ != "handler" else endpoint.path.split("/")[-1]
    name = endpoint.operation or name
    operation: Json = {
        "operationId": name.replace("_", "-"),
        "summary": endpoint.summary,
        "description": f"Requires a role with the permission `{endpoint.permission}`.",
        "tags": [endpoint.tag],
        "parameters": [
            *_path_parameters(endpoint),
            *_query_parameters(endpoint, schemas),
            *_headers(endpoint),
        ],
        "responses": _responses(endpoint),
    }
    if endpoint.body:
        operation["requestBody"] = {
            "required": endpoint.is_body_required,
            "content": {"application/json": {"schema": _reference(endpoint.body)}},
        }
    return operation


def _path_parameters(endpoint: Endpoint) -> list[Json]:
    schema = {"type": "string", "pattern": NAME_PATTERN}
    names = re.findall(r"<(\w+)>", endpoint.path)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(endpoint: Endpoint, schemas: Json) -> list[Json]:
    schema = schemas["$defs"].get(endpoint.query.__name__, {})
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(property_)}
        for name, property_ in schema.get("properties", {}).items()
    ]


def _without_null(schema: Json) -> Json:
    # A query cannot say null: what is not set is left out.
    options: list[Json] = schema.get("anyOf", [schema])
    return next(option for option in options if option != {"type": "null"})


def _headers(endpoint: Endpoint) -> list[Json]:
    if endpoint.media_type == "text/event-stream":
        return [_header("Last-Event-ID", "ID of the last event that the client received.", LAST_EVENT_ID_PATTERN)]
    if not endpoint.is_write:
        return []
    return [_CONDITIONS[name] for name in endpoint.conditions]


def _header(name: str, description: str, pattern: str) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }


_CONDITIONS: Mapping[str, Json] = {
    IF_MATCH: _header(IF_MATCH, "ETags of the expected version; 412 if the version differs.", IF_MATCH_PATTERN),
    IDEMPOTENCY_KEY: _header(
        IDEMPOTENCY_KEY,
        "Requests with the same key are executed once; all receive the first response.",
        IDEMPOTENCY_KEY_PATTERN,
    ),
}


def _responses(endpoint: Endpoint) -> Json:
    answers = {str(status): _answer(status, model, endpoint) for status, model in endpoint.answers.items()}
    return answers | {str(status): _problem(status) for status in sorted(_problem_statuses(endpoint))}


def _problem_statuses(endpoint: Endpoint) -> set[int]:
    statuses = {*_COMMON_PROBLEMS, *endpoint.problems}
    if endpoint.body:
        statuses.update(_BODY_PROBLEMS)
    if endpoint.is_write and endpoint.conditions:
        # A stale If-Match, a key used before, others who keep changing it.
        statuses.update((409, 412, 422))
    return statuses


def _answer(status: int, model: type[BaseModel] | None, endpoint: Endpoint) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    if model:
        answer["content"] = {endpoint.media_type: {"schema": _reference(model)}}
    elif status != 204:
        answer["content"] = {endpoint.media_type: {"schema": {"type": "string"}}}
    return answer


def _problem(status: int) -> Json:
    answer: Json = {
        "description": HTTPStatus(status).phrase,
        "content": {CONTENT_TYPE: {"schema": _reference(Problem)}},
    }
    headers: Mapping[int, str] = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    if status in headers:
        answer["headers"] = {headers[status]: {"schema": {"type": "string"}}}
    return answer


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
