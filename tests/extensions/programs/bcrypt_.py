"""quart-bcrypt: hashes made and checked, here and in a thread."""

import asyncio

from quart import Quart, request
from quart_bcrypt import (
    Bcrypt,
    async_check_password_hash,
    check_password_hash,
    generate_password_hash,
)

app = Quart(__name__)
app.config["BCRYPT_LOG_ROUNDS"] = 4
app.config["BCRYPT_HANDLE_LONG_PASSWORDS"] = True
bcrypt = Bcrypt(app)


@app.post("/check")
async def check():
    form = await request.form
    hashed = await bcrypt.async_generate_password_hash(form["password"])
    right = await bcrypt.async_check_password_hash(hashed, form["password"])
    wrong = await bcrypt.async_check_password_hash(hashed, "other")
    return {"prefix": hashed[:7].decode(), "right": right, "wrong": wrong}


@app.get("/plain")
def plain():
    hashed = bcrypt.generate_password_hash("secret")
    return {"right": bcrypt.check_password_hash(hashed, "secret")}


async def main():
    client = app.test_client()
    response = await client.post("/check", form={"password": "x" * 100})
    print(await response.get_json())
    print(await (await client.get("/plain")).get_json())
    async with app.app_context():
        hashed = generate_password_hash("secret", 4)
        print(check_password_hash(hashed, "secret"))
        print(await async_check_password_hash(hashed, "other"))


asyncio.run(main())
