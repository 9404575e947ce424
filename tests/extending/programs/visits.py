"""Counts visits, in sessions that a store keeps."""

import os

from sqlite_sessions import SQLiteSessions

from microquart import Quart, session, websocket

app = Quart(__name__)
app.session_interface = SQLiteSessions(os.environ["SESSIONS"])


@app.get("/visit")
async def visit():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


@app.get("/read")
async def read():
    return str(session.get("visits"))


@app.post("/login")
async def login():
    session.renew()
    session["user"] = "Ada"
    return "welcome"


@app.post("/logout")
async def logout():
    session.clear()
    return "bye"


@app.websocket("/socket")
async def socket():
    await websocket.accept()
    session["visits"] = 100
