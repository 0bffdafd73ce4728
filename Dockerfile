# One image for web, worker and beat (docker-compose.yml); the environment tells them where their stores are.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/srv/markethub
RUN useradd --uid 10001 --no-create-home markethub && install -d -o markethub /srv/markethub /srv/markethub/media
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . ./
USER markethub
# No store is asked: settings want the addresses to be there, whatever they are.
RUN DATABASE_URL=postgresql://none REDIS_URL=redis://none SECRET_KEY=none python manage.py collectstatic --noinput
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "-m", "config.healthcheck"]
CMD ["gunicorn", "-c", "python:config.gunicorn"]
