"""The round trip with clients that openapi-python-client has generated. Arguments: API, issuer, user, password.

It runs in an environment of its own, which has the generator and the packages that the clients need.
"""

import sys
import time

from auth_server import Client as LoginClient
from auth_server.api.login import login, token
from auth_server.models import LoginRequest, TokenBody, TokenResponse
from auth_server.models import Problem as LoginProblem
from products_api import AuthenticatedClient, Client
from products_api.api.health import health
from products_api.api.products import (
    change_products,
    create_product,
    delete_product,
    get_product,
    get_product_by_sku,
    list_paged,
    list_products,
    patch_product,
    product_history,
    search_products,
    update_product,
)
from products_api.api.reports import get_report, get_report_file, request_report
from products_api.api.users import get_own_profile, update_own_profile
from products_api.models import (
    BulkOrder,
    BulkOrderOnError,
    BulkResponse,
    CreateItem,
    Problem,
    ProductCreate,
    ProductPage,
    ProductPatch,
    ProductResponse,
    ProductUpdate,
    ProfileUpdate,
    ReportOrder,
    ReportOrderFormat,
    ReportOrderKind,
    ReportResponse,
    UpdateItem,
    UserResponse,
)
from products_api.types import File

api, issuer, user, password = sys.argv[1:]

public = LoginClient(issuer)
answer = login.sync(client=public, body=LoginRequest(user, password))
assert isinstance(answer, TokenResponse), answer
by_form = token.sync(client=public, body=TokenBody(username=user, password=password, grant_type="password"))
assert isinstance(by_form, TokenResponse), by_form
refused = login.sync(client=public, body=LoginRequest(user, "wrong"))
assert isinstance(refused, LoginProblem), refused
assert refused.code == "invalid_credentials"

assert health.sync(client=Client(api)).status == "ok"
anonymous = get_product.sync(1, client=Client(api))
assert isinstance(anonymous, Problem), anonymous
assert anonymous.code == "missing_token"

client = AuthenticatedClient(api, answer.access_token)
made = create_product.sync_detailed(client=client, body=ProductCreate(name="Generated lamp", price=12.5))
assert isinstance(made.parsed, ProductResponse), made
assert (made.status_code, made.parsed.price, made.parsed.description) == (201, 12.5, None)
product_id = made.parsed.id

found = get_product.sync_detailed(product_id, client=client)
assert found.parsed == made.parsed
tag = found.headers["etag"]
assert get_product.sync_detailed(product_id, client=client, if_none_match=tag).status_code == 304

changed = update_product.sync_detailed(product_id, client=client, body=ProductUpdate(stock=3), if_match=tag)
assert isinstance(changed.parsed, ProductResponse), changed
assert changed.parsed.stock == 3
stale = update_product.sync(product_id, client=client, body=ProductUpdate(stock=4), if_match=tag)
assert isinstance(stale, Problem), stale
assert (stale.status, stale.code) == (412, "precondition_failed")
cleared = update_product.sync(product_id, client=client, body=ProductUpdate(description=None))
assert isinstance(cleared, ProductResponse), cleared
invalid = create_product.sync(client=client, body=ProductCreate(name="x", price=-1))
assert isinstance(invalid, Problem), invalid
assert {fault.pointer for fault in invalid.errors} == {"#/name", "#/price"}

page = list_paged.sync(client=client, search="generated", sort="-price,name", page_size=5)
assert isinstance(page, ProductPage), page
assert product_id in [item.id for item in page.items]
everything = list_products.sync(client=client)
assert isinstance(everything, list), everything
assert changed.parsed in everything
assert [item.id for item in search_products.sync(client=client, q="generated lamp")] == [product_id]
assert product_history.sync(product_id, client=client).items[0].type_ == "product.created"

profile = get_own_profile.sync(client=client)
assert isinstance(profile, UserResponse), profile
assert update_own_profile.sync(client=client, body=ProfileUpdate(phone="+43 1 234 567")).phone == "+43 1 234 567"

beginnings = {ReportOrderFormat.PDF: b"%PDF-", ReportOrderFormat.CSV: b"\xef\xbb\xbf"}
for format in ReportOrderFormat:
    order = ReportOrder(kind=ReportOrderKind.INVENTORY, format_=format)
    report = request_report.sync(client=client, body=order)
    assert isinstance(report, ReportResponse), report
    deadline = time.monotonic() + 60
    while (report := get_report.sync(report.id, client=client)).state != "done":
        assert time.monotonic() < deadline, report
        time.sleep(0.1)
    downloaded = get_report_file.sync_detailed(report.id, client=client)
    assert isinstance(downloaded.parsed, File), downloaded
    content = downloaded.parsed.payload.read()
    assert len(content) == report.size
    assert content == downloaded.content
    assert content.startswith(beginnings.get(format, b""))

patched = patch_product.sync(product_id, client=client, body=ProductPatch(sku="GEN-1", tags=["new"]))
assert isinstance(patched, ProductResponse), patched
assert get_product_by_sku.sync("gen-1", client=client) == patched
assert [item.id for item in list_paged.sync(client=client, tags="new", sku="gen-1").items] == [product_id]
order = BulkOrder(
    on_error=BulkOrderOnError.SKIP,
    items=[
        CreateItem(op="create", product=ProductCreate(name="Batch lamp", price=-1)),
        UpdateItem(op="update", id=product_id, changes=ProductPatch(stock=7)),
    ],
)
batch = change_products.sync(client=client, body=order)
assert isinstance(batch, BulkResponse), batch
assert [result.status for result in batch.results] == [422, 200]
assert batch.results[0].problem.code == "validation_failed"

assert delete_product.sync_detailed(product_id, client=client).status_code == 204
gone = get_product.sync(product_id, client=client)
assert isinstance(gone, Problem), gone
assert gone.code == "not_found"
print("done")
