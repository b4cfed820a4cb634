# The service, as small as it gets: a wheel built in one stage, its dependencies alone in the other.
#   docker build -t crackwise .
#   docker run --rm --read-only -p 127.0.0.1:8000:8000 -e CRACKWISE_TOKEN=... crackwise
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
RUN python -m venv /opt/crackwise \
    && /opt/crackwise/bin/pip install --no-cache-dir --no-compile --constraint constraints.txt ".[serve]"

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin crackwise
COPY --from=build /opt/crackwise /opt/crackwise
ENV PATH=/opt/crackwise/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["crackwise", "serve", "--host", "0.0.0.0"]
