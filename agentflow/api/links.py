"""Links in the OpenAPI: which requests the id that a POST answers goes on with. Generated for every route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
DONE = ("200", "201", "202")
JSON = "application/json"


def add_links(schema: Json) -> None:
    """Add them to every POST that answers a new record with its id; adding them again changes nothing."""
    paths: Json = schema["paths"]
    records = _records(paths)
    for path, item in paths.items():
        post = item.get("post", {})
        for answer in (post["responses"][status] for status in DONE if status in post.get("responses", {})):
            name = _schema_of(answer)
            if "id" in schema["components"]["schemas"].get(name, {}).get("properties", {}):
                places = [
                    place
                    for place, shown in records.items()
                    if (name in shown or place.startswith(f"{path}/")) and _ids(place)[-1] not in _ids(path)
                ]
                links = {
                    operation["operationId"]: _link(operation, place)
                    for place in places
                    for operation in _operations_at(paths, path, place)
                }
                if links:
                    answer["links"] = links


def _records(paths: Json) -> dict[str, set[str]]:
    """The addresses that end in a record's own id, each with the schemas that it shows there."""
    return {
        path: {
            _schema_of(answer)
            for operation in item.values()
            for status, answer in operation["responses"].items()
            if status in DONE
        }
        for path, item in paths.items()
        if path.endswith("}")
    }


def _operations_at(paths: Json, source: str, place: str) -> Iterator[Json]:
    """What can be done with the record of an address, if all other ids in the address are known by then."""
    *above, _ = _ids(place)
    for path, item in paths.items():
        same = path == place or path.startswith(f"{place}/")
        if same and _ids(path) == _ids(place) and set(above) <= set(_ids(source)):
            yield from item.values()


def _link(operation: Json, place: str) -> Json:
    *above, own = _ids(place)
    known = {name: f"$request.path.{name}" for name in above}
    return {"operationId": operation["operationId"], "parameters": {**known, own: "$response.body#/id"}}


def _ids(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _schema_of(answer: Json) -> str:
    """The name of the schema of an answer; empty where there is none."""
    shown: str = answer.get("content", {}).get(JSON, {}).get("schema", {}).get("$ref", "")
    return shown.rpartition("/")[2]
