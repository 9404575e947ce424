"""Values from URLs, by the converters there are and by one's own."""

from quart import Quart, url_for
from werkzeug.routing import BaseConverter, ValidationError

PEOPLE = {"1": "alice", "2": "bob"}
NUMBERS = {name: number for number, name in PEOPLE.items()}

app = Quart(__name__)


class RegisteredUser(BaseConverter):
    def to_python(self, value):
        if value in PEOPLE:
            return PEOPLE[value]
        raise ValidationError

    def to_url(self, value):
        return NUMBERS[value]


app.url_map.converters["registered"] = RegisteredUser


@app.route("/api/<person_id>")
def person(person_id):
    return {"Hello": person_id}


@app.route("/number/<int(min=10):number>")
def number(number):
    return {"number": number, "type": type(number).__name__}


@app.route("/any/<any(cat, dog):animal>")
def animal(animal):
    return animal


@app.route("/user/<registered:name>")
def user(name):
    return {"name": name, "url": url_for("user", name="bob")}
