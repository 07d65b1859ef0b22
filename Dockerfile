# One image, three commands: sandbox (embedded EHR), app (SMART application), analytics (export and pipeline).
# `scripts/image` builds it without a daemon; any other builder does too: docker build -t kindred .
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS environment
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/kindred
WORKDIR /src
COPY . .
# Everything by hash (scripts/pip-install). What only builds, shows examples, or serves Spark's streaming state and its
# Connect shell (127 MB that no batch job loads) does not go into the image.
RUN PIP_NO_CACHE_DIR=1 scripts/pip-install /opt/kindred/bin/python requirements.lock \
 && /opt/kindred/bin/python -m pip uninstall -q -y setuptools pip \
 && rm -rf /opt/kindred/lib/python3*/site-packages/pyspark/examples \
           /opt/kindred/lib/python3*/site-packages/pyspark/data \
           /opt/kindred/lib/python3*/site-packages/pyspark/jars/connect-repl \
           /opt/kindred/lib/python3*/site-packages/pyspark/jars/rocksdbjni-*.jar \
           /opt/kindred/lib/python3*/site-packages/pyarrow/include \
           /opt/kindred/lib/python3*/site-packages/pyarrow/src \
           /opt/kindred/lib/python3*/site-packages/pyarrow/tests

FROM ${BASE}
# The JRE's package wants a folder for manual pages that slim images lack.
RUN mkdir -p /usr/share/man/man1 \
 && apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tini openjdk-17-jre-headless \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /usr/share/man /usr/share/doc \
 && useradd --uid 10001 --create-home kindred \
 && install -d -o kindred -g kindred -m 0750 /state
COPY --from=environment /opt/kindred /opt/kindred
COPY scripts/entrypoint /usr/local/bin/kindred-entrypoint
ENV PATH=/opt/kindred/bin:$PATH KINDRED_HOME=/state PYTHONUNBUFFERED=1
USER kindred
WORKDIR /state
VOLUME /state
EXPOSE 9400 9500
ENTRYPOINT ["tini", "--", "kindred-entrypoint"]
CMD ["--help"]
