"""Templates of Jinja for a mail and for a page."""

from datetime import datetime

from quart import Quart, render_template, render_template_string

app = Quart(__name__)
ORDERS = [
    {"name": "Tea & <sugar>", "price": 4.5},
    {"name": "Bread", "price": 3},
]


@app.template_filter("money")
def money(value):
    return f"{value:.2f} Euro"


@app.route("/mail")
async def mail():
    text = await render_template(
        "mail.txt", to="Anna", items=ORDERS, date=datetime(2026, 1, 2)
    )
    return text, {"Content-Type": "text/plain"}


@app.route("/page")
async def page():
    return await render_template("list.html", items=ORDERS)


@app.route("/string")
async def string():
    return await render_template_string("{{ x }}", x="<b>")
