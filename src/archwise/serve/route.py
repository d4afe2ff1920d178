"""The paths of the service: every model under its name, the first also without one, and the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPMethod

from fastapi import FastAPI, Request
from starlette.responses import Response

from archwise.errors import nearest
from archwise.records import Json
from archwise.serve import answer, description, moved, protocol
from archwise.serve.answer import Desk
from archwise.serve.info import explains, info_of
from archwise.serve.metrics import FORMAT, Metrics
from archwise.serve.refusal import RefusedError, Told

Endpoint = Callable[[Request], Awaitable[Response]]
Do = Callable[[Desk, Request], Awaitable[Response]]
Schemas = tuple[dict[str, Json], dict[str, Json]]
GET, POST = HTTPMethod.GET, HTTPMethod.POST


def add_routes(app: FastAPI, desks: Mapping[str, Desk], metrics: Metrics) -> None:
    """Let an application answer for models, the first of which is the default."""
    for place, desk in enumerate(desks.values()):
        for prefix in ([""] if place == 0 else []) + [f"/models/{desk.served.name}"]:
            _add_model(app, prefix, desk)
    _add_get(app, "/models", _told({"models": list(desks)}), "The models, the first of which is the default.")

    async def counts(_: Request) -> Response:
        return Response(metrics.text(), media_type=FORMAT)

    app.add_api_route("/metrics", counts, methods=[GET], include_in_schema=False)
    _add_protocol(app, desks)


def _add_model(app: FastAPI, prefix: str, desk: Desk) -> None:
    served = desk.served
    can_explain = explains(served) != "no"
    if served.forecasts:
        steps = description.body_of_forecast(served), description.forecast_answer()
        none: Schemas = {}, {}
        paths: tuple[tuple[str, Do, str, Schemas, bool], ...] = (
            ("predict", answer.predict_steps, "Forecast what follows.", steps, True),
            ("batch_predict", answer.refuse_rows, "", none, False),
            ("explain", moved.explain, "", none, False),
        )
    else:
        one, many = description.body_of_one(served), description.body_of_many(served, desk.limits)
        explained = one, description.explanation(served)
        paths = (
            ("predict", answer.predict_one, "Answer one row.", (one, description.one_answer(served)), True),
            ("batch_predict", answer.predict_many, "Answer rows.", (many, description.many_answers(served)), True),
            ("explain", moved.explain, "What moved the answer to one row.", explained, can_explain),
        )
    for path, do, summary, schemas, is_described in paths:
        _add_post(app, f"{prefix}/{path}", _at(desk, do), summary, schemas=schemas, is_described=is_described)

    async def info(_: Request) -> Response:
        return Told(info_of(served, desk.limits))

    _add_get(app, f"{prefix}/info", info, "What the model asks, what it answers and why it was chosen.")


def _add_protocol(app: FastAPI, desks: Mapping[str, Desk]) -> None:
    def at(do: Do) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            name = request.path_params["name"]
            if name not in desks:
                raise RefusedError(404, f"there is no model '{name[:100]}'.{nearest(name[:100], desks)}")
            return await do(desks[name], request)

        return endpoint

    async def ready(request: Request) -> Response:
        is_ready = bool(request.app.state.ready)
        return Told({"ready": is_ready}, status_code=200 if is_ready else 503)

    async def model_ready(desk: Desk, request: Request) -> Response:
        is_ready = bool(request.app.state.ready)
        return Told({"name": desk.served.name, "ready": is_ready}, status_code=200 if is_ready else 503)

    async def metadata(desk: Desk, _: Request) -> Response:
        return Told(protocol.metadata(desk))

    async def infer(desk: Desk, request: Request) -> Response:
        if desk.served.forecasts:
            return await answer.refuse_rows(desk, request)
        return await protocol.infer(desk, request)

    hidden = {  # their description is the protocol's own
        "/v2": (GET, _told(protocol.server())),
        "/v2/health/live": (GET, _told({"live": True})),
        "/v2/health/ready": (GET, ready),
        "/v2/models/{name}": (GET, at(metadata)),
        "/v2/models/{name}/ready": (GET, at(model_ready)),
        "/v2/models/{name}/versions/{version}": (GET, at(metadata)),
        "/v2/models/{name}/infer": (POST, at(infer)),
    }
    for path, (method, endpoint) in hidden.items():
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


def _add_get(app: FastAPI, path: str, endpoint: Endpoint, summary: str) -> None:
    responses = description.answered({"type": "object"})
    app.add_api_route(path, endpoint, methods=[GET], summary=summary, responses=responses, response_class=Told)


def _add_post(
    app: FastAPI, path: str, endpoint: Endpoint, summary: str, *, schemas: Schemas, is_described: bool
) -> None:
    """Add a path whose body and answer have the schemas (body, answer); one that only refuses is not described."""
    body, answered = schemas
    app.add_api_route(
        path,
        endpoint,
        methods=[POST],
        summary=summary,
        responses=description.answered(answered),
        response_class=Told,
        openapi_extra={"requestBody": body},
        include_in_schema=is_described,
    )


def _at(desk: Desk, do: Do) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await do(desk, request)

    return endpoint


def _told(content: Json) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        return Told(content)

    return endpoint
