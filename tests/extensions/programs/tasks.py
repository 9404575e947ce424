"""quart-tasks: periodic and cron tasks, hooks, commands."""

import asyncio
from datetime import timedelta

from quart import Quart, current_app, g
from quart_tasks import QuartTasks

app = Quart(__name__)
tasks = QuartTasks(app)
ran = []
twice = asyncio.Event()


@tasks.before_task
async def before():
    g.ready = True


@tasks.after_task
async def after():
    ran.append("after")


@tasks.periodic(timedelta(milliseconds=20))
async def often():
    ran.append(f"often in {current_app.name}, ready {g.ready}")
    if ran.count(ran[0]) == 2:
        twice.set()


@tasks.cron("0 5 * * *")
def daily():
    ran.append(f"daily in {current_app.name}")


@tasks.cron(
    seconds="*/30",
    minutes="*",
    hours="*",
    day_of_month="*",
    month="*",
    day_of_week="*",
)
async def failing():
    raise ValueError("in a task")


async def while_serving():
    async with app.test_app():
        await asyncio.wait_for(twice.wait(), 5)
    print(ran[:4])


async def by_hand():
    await tasks.test_run("daily")
    print(ran)
    app.logger.disabled = True
    try:
        await tasks.test_run("failing")
    except ValueError as error:
        print("failed:", error)


runner = app.test_cli_runner()
print(runner.invoke(args=["list-tasks"]).output)
result = runner.invoke(args=["invoke-task", "daily"])
print(result.exit_code, ran)
ran.clear()
asyncio.run(by_hand())
ran.clear()
app.config["QUART_TASKS_WHILST_SERVING"] = True  # the command has unset it
asyncio.run(while_serving())
