import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.core import urls

pytestmark = [pytest.mark.urls("tests.core.urls")]


@pytest.fixture
def schema():
    return SchemaGenerator(patterns=urls.urlpatterns).get_schema(request=None, public=True)


def test_only_the_versioned_paths_are_shown(schema):
    assert "/api/v1/probe/basket/" in schema["paths"]
    assert all(path.startswith("/api/v1/") for path in schema["paths"])
    assert "/api/v1/schema/" not in schema["paths"]


def test_an_operation_shows_how_it_refuses(schema):
    responses = schema["paths"]["/api/v1/probe/basket/"]["post"]["responses"]
    assert sorted(responses) == ["200", "400", "409"]
    assert responses["409"]["description"] == "`out_of_stock`: Out of stock"
    assert responses["409"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert set(schema["components"]["schemas"]["Problem"]["required"]) == {
        "type", "title", "status", "code", "detail", "error",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["schema/", "docs/swagger/", "docs/redoc/"])
def test_the_documentation_answers_without_signing_in(api, path):
    assert api.get(f"/api/v1/{path}").status_code == 200
