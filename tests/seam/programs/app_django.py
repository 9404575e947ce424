"""Django has no lifespan; its streams and uploads are its own."""

from collections.abc import AsyncIterator

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import (
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    SECRET_KEY="for tests",
)
django.setup()


async def text(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello", content_type="text/plain")


async def json(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"hello": "world"})


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return StreamingHttpResponse(parts())


async def upload(request: HttpRequest) -> HttpResponse:
    size = 0
    while part := request.read(65536):
        size += len(part)
    return HttpResponse(str(size))


urlpatterns = [
    path("text", text),
    path("json", json),
    path("stream", stream),
    path("upload", upload),
]
app = get_asgi_application()
