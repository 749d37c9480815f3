"""uvicorn benchmarks.lean.fast:app: the same routes with the API's SQL, through SQLAlchemy Core."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Response
from pydantic import TypeAdapter
from sqlalchemy import Integer, Row, cast, column, func, insert, select, table, update

from benchmarks.lean.auth import claims_of, requires_role
from benchmarks.lean.database import Product, engine, folded, now
from benchmarks.lean.schemas import ProductCreate, ProductPage, ProductResponse, ProductUpdate

app = FastAPI(title="Products API, lean and fast")
router = APIRouter(prefix="/api/v1/products", dependencies=[Depends(claims_of)])
managers = [Depends(requires_role("product-manager"))]

# One statement is its own transaction: reading needs no BEGIN and no ROLLBACK.
autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
columns = [Product.__table__.c[name] for name in ProductResponse.model_fields]
counts = table("product_counts", column("active", Integer))  # as the database keeps them for the API
one, many, pages = TypeAdapter(ProductResponse), TypeAdapter(list[ProductResponse]), TypeAdapter(ProductPage)


async def rows_of(statement: Any) -> list[Row[Any]]:
    async with autocommit.connect() as connection:
        return list((await connection.execute(statement)).all())


def json(adapter: TypeAdapter[Any], value: Any, status: int = 200) -> Response:
    return Response(adapter.dump_json(adapter.validate_python(value)), status, media_type="application/json")


@app.get("/api/v1/health")
async def health() -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get("/paged")
async def list_paged(
    page: Annotated[int, Query(ge=1)] = 1, page_size: Annotated[int, Query(ge=1, le=100)] = 10
) -> Response:
    total = select(cast(func.sum(counts.c.active), Integer)).scalar_subquery()
    shown = select(*columns, total.label("total")).where(Product.active).order_by(Product.id)
    rows = await rows_of(shown.limit(page_size).offset((page - 1) * page_size))
    if not rows:
        raise HTTPException(404, "No such page")
    items = [ProductResponse.model_validate(row) for row in rows]
    return json(pages, {"items": items, "total": rows[0].total, "page": page, "page_size": page_size})


@router.get("/search")
async def search(q: str, limit: Annotated[int, Query(ge=1, le=100)] = 100) -> Response:
    found = Product.name_search.contains(q.lower(), autoescape=True)
    return json(many, await rows_of(select(*columns).where(Product.active, found).order_by(Product.id).limit(limit)))


@router.get("/{product_id}")
async def get_product(product_id: int) -> Response:
    rows = await rows_of(select(*columns).where(Product.id == product_id, Product.active))
    if not rows:
        raise HTTPException(404, "Product not found")
    return json(one, rows[0])


@router.post("/", dependencies=managers)
async def create_product(body: ProductCreate) -> Response:
    values = body.model_dump() | folded(body.name)
    rows = await rows_of(insert(Product).values(values).returning(*columns))
    return json(one, rows[0], 201)


@router.put("/{product_id}", dependencies=managers)
async def update_product(product_id: int, body: ProductUpdate) -> Response:
    values = body.model_dump(exclude_unset=True) | {"version": Product.version + 1, "updated_at": now()}
    if body.name is not None:
        values |= folded(body.name)
    rows = await rows_of(update(Product).where(Product.id == product_id).values(values).returning(*columns))
    if not rows:
        raise HTTPException(404, "Product not found")
    return json(one, rows[0])


app.include_router(router)
