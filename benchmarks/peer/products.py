"""The product routes."""

import math
import unicodedata
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import ColumnElement, Select, and_, func, select, true
from starlette.convertors import Convertor, register_url_convertor

from benchmarks.peer.auth import READS_INACTIVE, Caller, authenticated, forbidden, requires_role
from benchmarks.peer.database import AuditEntry, Product, Session
from benchmarks.peer.schemas import (
    LARGEST_INTEGER,
    GetQuery,
    PageQuery,
    ProductCreate,
    ProductListResponse,
    ProductResponse,
    SearchQuery,
)


class ProductIdConvertor(Convertor[int]):
    regex = "[1-9][0-9]{0,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("product_id", ProductIdConvertor())


AnyCaller = Annotated[Caller, Depends(authenticated)]
ProductManager = Annotated[Caller, Depends(requires_role("product-manager"))]


async def no_repeated_parameters(request: Request, _caller: AnyCaller) -> None:
    if len(request.query_params) != len(request.query_params.multi_items()):
        raise RequestValidationError([{"type": "repeated", "loc": ("query",), "msg": "A parameter is repeated"}])


router = APIRouter(prefix="/api/v1/products", tags=["Products"], dependencies=[Depends(no_repeated_parameters)])


def fold(text: str) -> str:
    """Return ``text`` without case and accents, with single blanks."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


def has_words(text: str) -> ColumnElement[bool]:
    return and_(true(), *(Product.name_search.contains(word, autoescape=True) for word in fold(text).split()))


def visible(caller: Caller, include_inactive: bool) -> Any:
    if not include_inactive:
        return Product.active
    if not caller.roles & READS_INACTIVE:
        raise forbidden()
    return true()


def etag_of(product: Product) -> str:
    return f'"{product.version}"'


def matches(if_none_match: str, etag: str) -> bool:
    candidates = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return "*" in candidates or etag in candidates


def filtered(caller: Caller, query: PageQuery) -> Select[tuple[Product]]:
    statement = select(Product).where(visible(caller, query.include_inactive))
    if query.search is not None:
        statement = statement.where(has_words(query.search))
    if query.min_price is not None:
        statement = statement.where(Product.price >= query.min_price)
    if query.max_price is not None:
        statement = statement.where(Product.price <= query.max_price)
    if query.in_stock is not None:
        statement = statement.where(Product.stock > 0 if query.in_stock else Product.stock == 0)
    if query.updated_since is not None:
        statement = statement.where(Product.updated_at >= query.updated_since)
    return statement


def links(request: Request, page: int, pages: int) -> str:
    numbers = {"first": 1, "prev": page - 1, "next": page + 1, "last": max(pages, 1)}
    shown = {rel: number for rel, number in numbers.items() if 1 <= number <= max(pages, 1)}
    others = [item for item in request.query_params.multi_items() if item[0] != "page"]
    return ", ".join(
        f'<{request.url.path}?{urlencode([*others, ("page", number)])}>; rel="{rel}"' for rel, number in shown.items()
    )


@router.get("/paged", response_model=ProductListResponse)
async def list_paged(
    request: Request, response: Response, caller: AnyCaller, session: Session, query: Annotated[PageQuery, Query()]
) -> Any:
    statement = filtered(caller, query)
    total = await session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    offset = (query.page - 1) * query.page_size
    statement = statement.order_by(Product.id).limit(query.page_size).offset(offset)
    products = (await session.scalars(statement)).all()
    pages = math.ceil(total / query.page_size)
    response.headers["Link"] = links(request, query.page, pages)
    return {"items": products, "total": total, "page": query.page, "page_size": query.page_size, "pages": pages}


@router.get("/search", response_model=list[ProductResponse])
async def search(_caller: AnyCaller, session: Session, query: Annotated[SearchQuery, Query()]) -> Any:
    statement = select(Product).where(Product.active, has_words(query.q)).order_by(Product.id).limit(query.limit)
    return (await session.scalars(statement)).all()


@router.get("/{product_id:product_id}", response_model=ProductResponse)
async def get_product(
    product_id: int,
    request: Request,
    response: Response,
    caller: AnyCaller,
    session: Session,
    query: Annotated[GetQuery, Query()],
) -> Any:
    condition = visible(caller, query.include_inactive)
    product = None
    if product_id <= LARGEST_INTEGER:
        product = await session.scalar(select(Product).where(Product.id == product_id, condition))
    if product is None:
        raise HTTPException(404, f"Product {product_id} not found.")
    etag = etag_of(product)
    if matches(request.headers.get("If-None-Match", ""), etag):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return product


@router.post("/", response_model=ProductResponse, status_code=201)
@router.post("", response_model=ProductResponse, status_code=201, include_in_schema=False)
async def create_product(body: ProductCreate, response: Response, caller: ProductManager, session: Session) -> Any:
    folded = fold(body.name)
    product = Product(**body.model_dump(), name_folded=folded, name_search=folded, name_sort=folded)
    session.add(product)
    await session.flush()
    values = body.model_dump(mode="json")
    session.add(AuditEntry(action="product.created", product_id=product.id, values=values, actor=caller.subject))
    await session.commit()
    await session.refresh(product)
    response.headers["Location"] = f"/api/v1/products/{product.id}"
    response.headers["ETag"] = etag_of(product)
    return product
