"""FastAPI: arguments with types, and its pages about itself."""

from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI(title="one of five")


class Greeting(BaseModel):
    """What is answered; /fastapi/docs knows it."""

    hello: str
    by: str
    link: str


@app.get("/hello/{name}", name="hello")
async def hello(name: str, request: Request) -> Greeting:
    link = request.url_for("hello", name="Bob").path
    return Greeting(hello=name, by="FastAPI", link=link)
