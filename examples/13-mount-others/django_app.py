"""Django, in one file: settings, a view, a URL."""

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path, reverse

settings.configure(
    ALLOWED_HOSTS=[".localhost", "127.0.0.1"], ROOT_URLCONF=__name__
)
django.setup()


async def hello(request: HttpRequest, name: str) -> JsonResponse:
    link = reverse("hello", kwargs={"name": "Bob"})
    return JsonResponse({"hello": name, "by": "Django", "link": link})


urlpatterns = [path("hello/<str:name>", hello, name="hello")]
app = get_asgi_application()
