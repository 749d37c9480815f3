// The round trip with types that openapi-typescript has generated. Arguments: API, issuer, user, password.
import createClient from "openapi-fetch";
import type { paths as AuthServer } from "./auth_server.js";
import { type components, type paths, reportOrderFormatValues } from "./products_api.js";

type Product = components["schemas"]["ProductResponse"];
type Problem = components["schemas"]["Problem"];

declare const process: { argv: string[] };
const [api, issuer, username, password] = process.argv.slice(2) as [string, string, string, string];

function check(holds: unknown, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

const login = await createClient<AuthServer>({ baseUrl: issuer }).POST("/login", { body: { username, password } });
check(login.data, login.error);
const refused = await createClient<AuthServer>({ baseUrl: issuer }).POST("/login", { body: { username, password: "wrong" } });
check(refused.error?.code === "invalid_credentials", refused);

const anonymous = await createClient<paths>({ baseUrl: api }).GET("/api/v1/me");
check(anonymous.error?.code === "missing_token", anonymous.error);

const client = createClient<paths>({ baseUrl: api, headers: { Authorization: `Bearer ${login.data.access_token}` } });
const made = await client.POST("/api/v1/products/", { body: { name: "Typed lamp", price: 12.5 } });
check(made.data, made.error);
const product: Product = made.data;
check(product.price === 12.5 && product.description === null, product);
const one = { path: { product_id: product.id } };

const found = await client.GET("/api/v1/products/{product_id}", { params: one });
const tag = found.response.headers.get("etag") ?? "";
check(found.data?.id === product.id && tag, found.error);
const same = await client.GET("/api/v1/products/{product_id}", { params: { ...one, header: { "If-None-Match": tag } } });
check(same.response.status === 304, same.response.status);

const expected = { ...one, header: { "If-Match": tag } };
const changed = await client.PUT("/api/v1/products/{product_id}", { params: expected, body: { stock: 3, description: null } });
check(changed.data?.stock === 3, changed.error);
const stale = await client.PUT("/api/v1/products/{product_id}", { params: expected, body: { stock: 4 } });
const problem: Problem | undefined = stale.error;
check(problem?.status === 412 && problem.code === "precondition_failed", problem);
const invalid = await client.POST("/api/v1/products/", { body: { name: "x", price: -1 } });
check(invalid.error?.errors?.some((fault) => fault.pointer === "#/price"), invalid.error);

const page = await client.GET("/api/v1/products/paged", { params: { query: { search: "typed", sort: "-price,name" } } });
check(page.data?.items.some((item) => item.id === product.id) && (page.data.total ?? 0) > 0, page.error);
const hits = await client.GET("/api/v1/products/search", { params: { query: { q: "typed lamp" } } });
check(hits.data?.[0]?.id === product.id, hits.error);

for (const format of reportOrderFormatValues) {
  const asked = await client.POST("/api/v1/reports/", { body: { kind: "inventory", format } });
  check(asked.data, asked.error);
  const report = { path: { report_id: asked.data.id } };
  const began = Date.now();
  let state: components["schemas"]["ReportResponse"]["state"] = asked.data.state;
  let size: number | null = null;
  while (state !== "done") {
    check(Date.now() - began < 60_000, state);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const seen = await client.GET("/api/v1/reports/{report_id}", { params: report });
    check(seen.data, seen.error);
    ({ state, size } = seen.data);
  }
  const file = await client.GET("/api/v1/reports/{report_id}/file", { params: report, parseAs: "arrayBuffer" });
  check(file.data?.byteLength === size, { format, size });
}

const patched = await client.PATCH("/api/v1/products/{product_id}", {
  params: one,
  body: { sku: "TYP-1", attributes: { color: "red", lit: null } },
});
check(patched.data?.sku === "TYP-1" && patched.data.attributes.color === "red", patched.error);
const items: components["schemas"]["BulkOrder"]["items"] = [
  { op: "create", product: { name: "Batch lamp", price: -1, stock: 0 } },
  { op: "update", sku: "typ-1", changes: { stock: 7 } },
];
const batch = await client.POST("/api/v1/products/bulk", { body: { on_error: "skip", items } });
check(batch.data?.results[0]?.problem?.code === "validation_failed" && batch.data.results[1]?.status === 200, batch.error);

const deleted = await client.DELETE("/api/v1/products/{product_id}", { params: one });
check(deleted.response.status === 204, deleted.error);
console.log("done");
