"""How to test pages with forms: fill in what the page has, and follow."""

import re

import pytest


@pytest.fixture
def app(app, tmp_path):
    app.config["DATABASE"] = tmp_path / "blog.db"
    return app


async def page(response):
    return await response.get_data(as_text=True)


async def token(client):
    text = await page(await client.get("/write"))
    return re.search(r'name="token" value="(\w+)"', text)[1]


async def write(client, title="A day", text="It rained.", **options):
    form = {"title": title, "text": text, "token": await token(client)}
    return await client.post("/write", form=form, **options)


async def test_a_post_is_published_and_said_once(client):
    response = await write(client, follow_redirects=True)
    text = await page(response)
    assert "<h1>A day</h1>" in text
    assert "“A day” is published." in text
    assert "is published." not in await page(await client.get("/"))


@pytest.mark.parametrize(
    ("title", "text", "error"),
    [
        ("", "x", "A title has 1 to 100 characters."),
        ("x" * 101, "x", "A title has 1 to 100 characters."),
        ("x", " ", "There is no text."),
    ],
)
async def test_a_bad_form_comes_back_filled_in(client, title, text, error):
    response = await write(client, title, text)
    assert response.status_code == 422
    form = await page(response)
    assert error in form
    assert f'value="{title}"' in form


async def test_a_form_of_another_site_is_refused(client):
    await token(client)
    for form in ({}, {"token": ""}, {"token": "x" * 64}, {"token": "é"}):
        form = {"title": "Spam", "text": "Spam", **form}
        assert (await client.post("/write", form=form)).status_code == 400
    assert "Spam" not in await page(await client.get("/"))


async def test_what_a_visitor_writes_is_text(client):
    response = await write(client, "<b>", "<script>", follow_redirects=True)
    text = await page(response)
    assert "<h1>&lt;b&gt;</h1>" in text
    assert "<script>" not in text


@pytest.mark.parametrize("path", ["/7", f"/{10**30}"])
async def test_a_post_that_is_not_there_is_not_found(client, path):
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"/?before={path[1:]}")).status_code == 200


async def test_a_removed_post_is_gone(client):
    location = (await write(client)).location
    form = {"token": await token(client)}
    assert (await client.post(f"{location}/remove", form=form)).location == "/"
    assert (await client.get(location)).status_code == 404


async def test_older_posts_are_on_the_next_page(client):
    for number in range(11):
        await write(client, f"Post {number}.")
    first = await page(await client.get("/"))
    assert "Post 10." in first
    assert "Post 0." not in first
    older = re.search(r'href="(/\?before=\d+)"', first)[1]
    assert "Post 0." in await page(await client.get(older))


@pytest.mark.slow
def test_a_browser_publishes_a_post(serve, browser, tmp_path):
    server = serve(QUART_DATABASE=tmp_path / "blog.db")
    browser.open(f"{server.url}/write")
    browser.submit("form", title="A day", text="It rained.\n\nAll day.")
    assert browser.ask("document.querySelector('h1').innerText") == "A day"
    said = browser.ask("document.querySelector('.message').innerText")
    assert said == "“A day” is published."
    for width in (400, 1280):
        browser.size(width)
        assert browser.fits()
