# One image for all processes. By default it runs the API. The command `products-api worker` runs the worker, and
# `authserver serve --host 0.0.0.0` runs the auth server.
FROM python:3.13-slim-bookworm AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# An environment without pip: the builder's pip installs into it.
RUN python -m venv --without-pip /venv
COPY requirements.txt ./
RUN pip --python /venv install --require-hashes --no-deps -r requirements.txt
COPY . .
RUN pip --python /venv install --no-deps --editable . \
 && rm -rf ./*.egg-info build \
 && /venv/bin/python -m compileall -q main.py authserver migrations myapp worker

FROM python:3.13-slim-bookworm
RUN pip uninstall --yes --root-user-action=ignore pip \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin app \
 && install --directory --owner=app --group=app --mode=0700 /data
COPY --from=builder /venv /venv
COPY --from=builder /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATABASE__URL=sqlite+aiosqlite:////data/products.db \
    CELERY__BROKER_URL=/data/broker.db \
    STORAGE__URL=/data/files \
    MAIL__FOLDER=/data/mail \
    AUTHSERVER__DATABASE__URL=sqlite+aiosqlite:////data/authserver.db \
    AUTHSERVER__KEYS__DIRECTORY=/data/keys
WORKDIR /app
USER 10001
EXPOSE 8000 8100
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/api/v1/health'); exit(c.getresponse().status != 200)"]
CMD ["products-api", "serve", "--host", "0.0.0.0"]
