"""What the service answers: rows, many rows, files, forecasts of fields, and how it refuses."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from archwise.model.predict import load, predict
from archwise.serve.schema import fields_of

PARQUET = "application/vnd.apache.parquet"
ROW = {"age": 39.5, "hours": 40, "city": "Lima"}


def form(*files: tuple[str, str, bytes]) -> tuple[bytes, str]:
    """A multipart body of (field, file name, content), and its type."""
    parts = [
        f'--cut\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, file, content in files
    ]
    return b"".join(parts) + b"--cut--\r\n", "multipart/form-data; boundary=cut"


def shade(value: int) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.new("L", (12, 12), value).save(held, "PNG")
    return held.getvalue()


def test_a_row_is_answered_as_predict_answers_it(service: Any, folders: dict[str, Path]) -> None:
    given = service.ask("/predict", ROW)
    expected = predict(load(folders["table"]), ROW).answers
    assert given.status == 200
    assert given.told["prediction"] == expected["prediction"][0]
    for name, share in given.told["probabilities"].items():
        assert share == pytest.approx(expected[f"p:{name}"][0], abs=1e-6)


def test_every_answer_names_model_version_and_request(service: Any) -> None:
    given = service.ask("/predict", ROW, x_request_id="mine-1")
    assert given.told["model"] == "table"
    assert len(given.told["version"]) == 12
    assert given.headers["x-request-id"] == "mine-1"
    other = service.ask("/predict", ROW, x_request_id="bad id\n")
    assert other.headers["x-request-id"] != "bad id\n"
    assert other.headers["x-request-id"]


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({"age": "forty", "hours": 1, "city": "Lima"}, "age", "the text 'forty'"),
        ({"age": True, "hours": 1, "city": "Lima"}, "age", "it is true"),
        ({"agee": 1, "hours": 1, "city": "Lima"}, "age", "Did you mean 'agee'?"),
        ({"age": [1], "hours": 1, "city": "Lima"}, "age", "a list of 1"),
        ({"age": 1, "hours": 1, "city": {}}, "city", "a name or a code"),
        ([1], "", "a JSON object"),
        (7, "", "a JSON object"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_was_and_should_be(service: Any, row: Any, field: str, words: str) -> None:
    given = service.ask("/predict", row)
    assert given.status == 422
    assert given.told["field"] == field
    assert words in given.told["detail"]
    assert given.told["request_id"] == given.headers["x-request-id"]


def test_numbers_written_as_texts_are_read_and_null_is_missing(service: Any) -> None:
    assert service.ask("/predict", {**ROW, "age": " 39.5 "}).told == service.ask("/predict", ROW).told
    assert service.ask("/predict", {"age": None, "hours": None, "city": None}).status == 200


def test_a_level_that_training_did_not_see_is_answered_with_a_note(service: Any) -> None:
    given = service.ask("/predict", {**ROW, "city": "Atlantis"})
    assert given.status == 200
    assert "Atlantis" in given.told["notes"][0]


def test_many_rows_come_as_rows_columns_csv_or_parquet_and_are_answered_alike(service: Any) -> None:
    rows = [{**ROW, "age": 20.0 + place} for place in range(5)]
    frame = pl.DataFrame(rows)
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    alone = [service.ask("/predict", row).told["prediction"] for row in rows]
    bodies = [
        (rows, "application/json"),
        (frame.to_dict(as_series=False), "application/json"),
        (frame.write_csv().encode(), "text/csv"),
        (parquet.getvalue(), "application/vnd.apache.parquet"),
    ]
    for body, kind in bodies:
        given = service.ask("/batch_predict", body, content_type=kind)
        assert given.status == 200, given.body
        assert [answer["prediction"] for answer in given.told["answers"]] == alone


def test_a_wrong_row_among_many_is_named_by_its_number(service: Any) -> None:
    given = service.ask("/batch_predict", [ROW, {**ROW, "age": "x"}])
    assert given.status == 422
    assert (given.told["row"], given.told["field"]) == (1, "age")


def test_pictures_come_as_files_as_bytes_or_as_base64(service: Any) -> None:
    dark, name = shade(10), "/models/picture/predict"
    body, kind = form(("image", "../../../etc/passwd", dark))
    ways = [
        service.ask(name, body, content_type=kind),
        service.ask(name, dark, content_type="image/png"),
        service.ask(name, {"image": base64.b64encode(dark).decode()}),
    ]
    assert [given.status for given in ways] == [200, 200, 200]
    assert len({json.dumps(given.told) for given in ways}) == 1


def test_a_broken_picture_among_several_does_not_touch_the_others(service: Any) -> None:
    body, kind = form(("image", "a", shade(10)), ("image", "b", b"not a picture"), ("image", "c", shade(180)))
    answers = service.ask("/models/picture/batch_predict", body, content_type=kind).told["answers"]
    assert "prediction" in answers[0]
    assert "prediction" in answers[2]
    assert "it is not a picture" in answers[1]["error"]


def test_a_name_of_a_file_is_never_read(service: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(shade(10))
    path = str(tmp_path / "secret.png")
    assert service.ask("/models/picture/predict", {"image": path}).status == 422
    csv = service.ask("/models/picture/batch_predict", f"image\n{path}\n".encode(), content_type="text/csv")
    assert csv.status == 415
    held = io.BytesIO()
    pl.DataFrame({"image": [path]}).write_parquet(held)
    kind = "application/vnd.apache.parquet"
    assert service.ask("/models/picture/batch_predict", held.getvalue(), content_type=kind).status == 422


def test_texts_series_and_numbers_are_answered(service: Any) -> None:
    assert service.ask("/models/text/predict", {"text": "a good film"}).told["prediction"] in ("l0", "l1")
    assert service.ask("/models/series/predict", {"series": [0.1] * 16}).told["prediction"] in ("k0", "k1")
    value = service.ask("/models/value/predict", {"x": 40}).told
    assert value["low"] <= value["prediction"] <= value["high"]


def test_what_moved_an_answer_is_told_for_texts_and_tables(service: Any) -> None:
    words = service.ask("/models/text/explain", {"text": "the good film"}).told
    assert [part["words"] for part in words["parts"]] == ["the", "good", "film"]
    columns = service.ask("/explain", ROW)
    assert columns.status == 200
    assert {effect["column"] for effect in columns.told["effects"]} <= set(ROW)


def test_what_moved_an_answer_is_told_for_series_and_pictures(service: Any) -> None:
    steps = [0.0] * 8 + [5.0, None] + [0.0] * 6
    told = service.ask("/models/series/explain", {"series": steps}).told
    assert [told["stretches"][0]["start"], told["stretches"][-1]["end"]] == [0, 16]
    told = service.ask("/models/picture/explain", shade(10), content_type="image/png").told
    assert [len(line) for line in told["grid"]] == [7] * 7
    assert base64.b64decode(told["picture"]).startswith(b"\x89PNG")


def test_a_series_of_the_largest_numbers_there_are_is_explained(service: Any) -> None:
    steps = [-1.7e308, None, 1.7e308, 1.0, *[None] * 10, -1.7e308, 1.7e308]
    given = service.ask("/models/series/explain", {"series": steps})
    assert given.status == 200, given.body


def test_a_mixed_table_of_several_labels_tells_what_moved_the_likeliest(service: Any) -> None:
    row = {"text": "the bad film", "hours": 90, "seen": True, "day": "2024-05-01"}
    answer, told = service.ask("/models/labels/predict", row).told, service.ask("/models/labels/explain", row).told
    assert told["of"] == max(answer["probabilities"], key=answer["probabilities"].get)
    by_column = {each["column"]: each for each in told["effects"]}
    assert by_column["text"]["typical"] == ""
    without = service.ask("/models/labels/predict", {**row, "text": ""}).told["probabilities"][told["of"]]
    assert by_column["text"]["effect"] == pytest.approx(answer["probabilities"][told["of"]] - without)


def test_what_is_not_explained_says_so(service: Any) -> None:
    given = service.ask("/models/words/explain", {"words": "Ada saw Lima"})
    assert given.status == 422
    assert "tags every word" in given.told["detail"]


def test_words_are_tagged(service: Any) -> None:
    assert service.ask("/models/words/predict", {"words": "Ada saw Lima"}).told["prediction"] == ["B-PER", "O", "B-LOC"]


def test_a_series_is_answered_from_the_example_that_a_run_keeps(folders: dict[str, Path]) -> None:
    model = load(folders["series"])
    kept = replace(model, facts=replace(model.facts, profile={"example": {"series": [[0.1, 0.2, 0.3]]}}))
    assert fields_of(kept)[0].example == [0.1, 0.2, 0.3]  # a table holds a list for each channel
    broken = replace(model, facts=replace(model.facts, profile={"example": {"series": "a text"}}))
    assert len(fields_of(broken)[0].example) == 16  # made up, for what is no series would not be answered


def test_what_an_option_of_fit_would_do_is_not_told_to_who_asks(service: Any) -> None:
    csv = b"age,hours,city\nforty,1,Lima\nfifty,2,Lima\n"
    given = service.ask("/batch_predict", csv, content_type="text/csv")
    assert given.status == 422
    assert "'forty' is not a number (2 such cells); mend the value" in given.told["detail"]
    assert "--" not in given.told["detail"]


def test_a_forecast_is_answered_from_its_own_example_rows_and_tables(serving: Any, forecasts: Path) -> None:
    with serving([forecasts]) as service:
        example = service.ask("/info").told["example"]
        described = service.ask("/openapi.json").told["paths"]["/predict"]["post"]["requestBody"]["content"]
        assert described["application/json"]["schema"]["example"] == example
        told = service.ask("/predict", example).told["forecast"]
        assert [row["day"] for row in told] == ["2024-04-11", "2024-04-12", "2024-04-13"]
        frame = pl.DataFrame(example["rows"])
        held = io.BytesIO()
        frame.write_parquet(held)
        for body, kind in ((frame.write_csv().encode(), "text/csv"), (held.getvalue(), PARQUET)):
            assert service.ask("/predict", body, content_type=kind).told["forecast"] == told
        for path in ("/batch_predict", "/explain", "/v2/models/steps/infer"):
            given = service.ask(path, {})
            assert (given.status, "forecast" in given.told["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": -1}, "should be a whole number of steps"),
        ({"horizon": 3_000_000}, "the model was trained to forecast 1 to 3 steps"),
        ({"rows": [{"day": "2024-04-10"}]}, "the table: columns are missing"),
        ({"rows": [{"day": "no", "shop": "A", "sales": 1, "price": 1}]}, "'no' is no time"),
        ({"rows": [{"day": "2024-04-10", "shop": "A", "sales": "x", "price": 1}]}, "'x' is not a number"),
        ({"rows": [{"day": "2024-04-10", "shop": "A", "sales": 1, "price": 1}] * 2}, "give each step one row"),
        ({"rows": [{"day": "2024-04-10", "shop": "C", "sales": 1, "price": 1}]}, "'C'"),
        ({"rows": []}, "no list of objects"),
        ({"rows": 7}, "neither a list of rows nor an object"),
    ],
)
def test_a_forecast_that_cannot_be_is_refused_in_words_of_its_body(
    serving: Any, forecasts: Path, change: dict[str, Any], words: str
) -> None:
    with serving([forecasts]) as service:
        given = service.ask("/predict", {"horizon": 3, **change})
    assert given.status == 422
    assert words in given.told["detail"]
    assert "--" not in given.told["detail"]
    assert "/tmp" not in given.told["detail"]


def test_info_and_openapi_hold_rows_that_are_answered(service: Any, folders: dict[str, Path]) -> None:
    described = service.ask("/openapi.json").told
    for name in folders:
        info = service.ask(f"/models/{name}/info").told
        assert info["verdict"]
        assert service.ask(f"/models/{name}/predict", info["example"]).status == 200
        schema = described["paths"][f"/models/{name}/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert schema["schema"]["example"] == info["example"]


def test_the_open_inference_protocol_answers(service: Any) -> None:
    assert service.ask("/v2/health/live").status == 200
    assert service.ask("/v2/health/ready").told == {"ready": True}
    assert service.ask("/v2/models/table/ready").status == 200
    assert service.ask("/v2/models/tabel").told["detail"].endswith("Did you mean 'table'?")
    meta = service.ask("/v2/models/table").told
    assert [tensor["name"] for tensor in meta["inputs"]] == list(ROW)
    tensors = [
        {
            "name": name,
            "datatype": "BYTES" if isinstance(cell, str) else "FP64",
            "shape": [2, 1],
            "data": [[cell], [cell]],
        }
        for name, cell in ROW.items()
    ]
    given = service.ask("/v2/models/table/infer", {"id": "7", "inputs": tensors}).told
    alone = service.ask("/predict", ROW).told
    assert given["id"] == "7"
    assert given["outputs"][0]["data"] == [alone["prediction"]] * 2
    assert given["outputs"][1]["data"] == [*alone["probabilities"].values()] * 2
    tensors[0]["shape"] = [3]
    assert service.ask("/v2/models/table/infer", {"inputs": tensors}).status == 422


def test_metrics_count_requests_and_batches(service: Any) -> None:
    service.ask("/predict", ROW)
    told = service.ask("/metrics").body.decode()
    assert 'archwise_requests_total{path="/predict",status="200"}' in told
    assert 'archwise_batch_rows_bucket{le="1.0",model="table"}' in told


def test_what_is_not_there_is_refused_in_json(service: Any) -> None:
    assert service.ask("/nothing").status == 404
    assert service.ask("/predict").status == 405
    assert "there is no /nothing" in service.ask("/nothing").told["detail"]
