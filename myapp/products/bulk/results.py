"""What a batch answers over HTTP: for each item, what the request for this product alone would have answered."""

from collections.abc import Sequence

from pydantic import MISSING, BaseModel, ConfigDict

from ...platform.context.request_id import current_request_id
from ...platform.errors import ItemFault
from ...platform.examples import example
from ...platform.versions import entity_tag
from ...platform.web.problems import Problem, item_problem, problem_members
from .batch import Done, Outcome

STATUS = {"create": 201, "update": 200, "delete": 204}
INSTANCE = "/api/v1/products/bulk"


class BulkResult(BaseModel):
    """The result of one item: what the request for this product alone would have answered."""

    status: int
    id: int | MISSING = MISSING
    etag: str | MISSING = MISSING
    problem: Problem | MISSING = MISSING


class BulkResponse(BaseModel):
    """One result for each item, in the order of the items."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "results": [
                    {"status": 201, "id": 45, "etag": '"1"'},
                    {"status": 200, "id": 44, "etag": '"4"'},
                    {"status": 204, "id": 12},
                ]
            }
        )
    )

    results: list[BulkResult]


def response_of(outcomes: Sequence[Outcome]) -> BulkResponse:
    return BulkResponse(results=[refused(each) if isinstance(each, ItemFault) else done(each) for each in outcomes])


def done(outcome: Done) -> BulkResult:
    found = BulkResult(status=STATUS[outcome.operation], id=outcome.id)
    return found if outcome.version is None else found.model_copy(update={"etag": entity_tag(outcome.version)})


def refused(fault: ItemFault) -> BulkResult:
    problem = item_problem(fault)
    members = problem_members(problem, INSTANCE, current_request_id())
    return BulkResult(status=problem.kind.status, problem=Problem(members))
