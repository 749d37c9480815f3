"""The HTTP layer: middleware, routing, queries, problem documents and OpenAPI."""
