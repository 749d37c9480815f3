"""uvicorn benchmarks.lean.app:app: routes as in the guides of FastAPI and SQLAlchemy."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from sqlalchemy import func, select

from benchmarks.lean.auth import claims_of, requires_role
from benchmarks.lean.database import Product, Session, folded
from benchmarks.lean.schemas import ProductCreate, ProductPage, ProductResponse, ProductUpdate

app = FastAPI(title="Products API, lean")
router = APIRouter(prefix="/api/v1/products", dependencies=[Depends(claims_of)])
managers = [Depends(requires_role("product-manager"))]


@app.get("/api/v1/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/paged")
async def list_paged(
    session: Session, page: Annotated[int, Query(ge=1)] = 1, page_size: Annotated[int, Query(ge=1, le=100)] = 10
) -> ProductPage:
    total = await session.scalar(select(func.count()).select_from(Product).where(Product.active))
    shown = select(Product).where(Product.active).order_by(Product.id).limit(page_size).offset((page - 1) * page_size)
    products = (await session.scalars(shown)).all()
    items = [ProductResponse.model_validate(product) for product in products]
    return ProductPage(items=items, total=total or 0, page=page, page_size=page_size)


@router.get("/search", response_model=list[ProductResponse])
async def search(session: Session, q: str, limit: Annotated[int, Query(ge=1, le=100)] = 100) -> Any:
    found = Product.name_search.contains(q.lower(), autoescape=True)
    return (await session.scalars(select(Product).where(Product.active, found).order_by(Product.id).limit(limit))).all()


@router.get("/{product_id}", response_model=ProductResponse)
async def get_product(product_id: int, session: Session) -> Any:
    product = await session.scalar(select(Product).where(Product.id == product_id, Product.active))
    if product is None:
        raise HTTPException(404, "Product not found")
    return product


@router.post("/", response_model=ProductResponse, status_code=201, dependencies=managers)
async def create_product(body: ProductCreate, session: Session) -> Any:
    product = Product(**body.model_dump(), **folded(body.name))
    session.add(product)
    await session.flush()
    await session.commit()
    await session.refresh(product)
    return product


@router.put("/{product_id}", response_model=ProductResponse, dependencies=managers)
async def update_product(product_id: int, body: ProductUpdate, session: Session) -> Any:
    product = await session.get(Product, product_id)
    if product is None:
        raise HTTPException(404, "Product not found")
    values = body.model_dump(exclude_unset=True) | (folded(body.name) if body.name else {})
    for name, value in values.items():
        setattr(product, name, value)
    await session.commit()
    await session.refresh(product)
    return product


app.include_router(router)
