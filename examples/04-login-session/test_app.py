"""How to test sessions: a client keeps its cookies, as a browser does."""

import pytest

PASSWORD = "correct horse"


@pytest.fixture
def app(app, tmp_path):
    app.config["DATABASE"] = tmp_path / "users.db"
    return app


async def join(client, name="Ada", password=PASSWORD):
    form = {"name": name, "password": password}
    return await client.post("/join", form=form)


async def login(client, name="Ada", password=PASSWORD):
    form = {"name": name, "password": password}
    return await client.post("/login", form=form)


@pytest.mark.parametrize("path", ["/", "/secret", "/nothing"])
async def test_a_stranger_is_led_to_the_login(client, path):
    response = await client.get(path)
    assert (response.status_code, response.location) == (303, "/login")


async def test_after_the_login_the_way_leads_where_it_was_to_lead(client):
    await join(client)
    await client.post("/logout")
    await client.get("/secret?page=2")
    await client.get("/favicon.ico")
    assert (await login(client)).location == "/secret?page=2"
    page = await (await client.get("/secret")).get_data(as_text=True)
    assert "Ada may know: 42." in page


async def test_a_wrong_password_and_a_wrong_name_look_alike(client):
    await join(client)
    await client.post("/logout")
    pages = [
        await (await login(client, *words)).get_data(as_text=True)
        for words in (("Ada", "wrong horse"), ("Bob", PASSWORD))
    ]
    assert pages[0].replace("Ada", "Bob") == pages[1]
    assert (await client.get("/secret")).status_code == 303


async def test_a_name_has_one_owner(client):
    await join(client)
    assert (await join(client, password="another horse")).status_code == 422
    assert (await login(client)).status_code == 303


@pytest.mark.parametrize(
    ("name", "password"), [("", PASSWORD), ("Ada", "short"), ("Ada", "")]
)
async def test_a_user_has_a_name_and_a_long_password(client, name, password):
    assert (await join(client, name, password)).status_code == 422


async def test_a_cookie_that_is_not_ours_counts_for_nothing(client):
    client.set_cookie("localhost", "session", "eyJ1c2VyIjoiQWRhIn0.x.y")
    assert (await client.get("/secret")).status_code == 303


async def test_who_logs_out_is_out(client):
    await join(client)
    assert (await client.get("/")).status_code == 200
    await client.post("/logout")
    assert (await client.get("/")).status_code == 303


async def test_a_form_of_another_site_is_refused(client):
    response = await client.post(
        "/logout", headers={"sec-fetch-site": "cross-site"}
    )
    assert response.status_code == 403


async def test_a_session_begins_with_a_login(client):
    async with client.session_transaction() as session:
        session["basket"] = "what a stranger has put there"
    await join(client)
    async with client.session_transaction() as session:
        assert dict(session) == {"user": "Ada"}


@pytest.mark.slow
def test_a_browser_joins_and_leaves(serve, browser, tmp_path):
    server = serve(QUART_DATABASE=tmp_path / "users.db")
    browser.open(f"{server.url}/secret")
    browser.open(f"{server.url}/join")
    browser.submit("form", name="Ada", password=PASSWORD)
    assert browser.ask("document.querySelector('h1').innerText") == (
        "The secret"
    )
    browser.open(server.url)
    browser.submit("form")
    assert browser.ask("location.pathname") == "/login"
    browser.size(400)
    assert browser.fits()
